/** How the code cells of a notebook were run in its session, and what that alone tells. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Check, LiveCell } from '../api/types';

export interface ISessionCell {
  /** Over all cells, from 0. */
  index: number;
  source: string;
  /** As it stands beside the cell: perhaps of an earlier session. */
  count: number | null;
  /** Its text was changed after it ran, as far as the lab has seen it run. */
  edited: boolean;
}

/**
 * What ran in this session of the kernel.
 *
 * @param history - source of each execution of the kernel by its count; null where it keeps none.
 */
export function ranCells(cells: readonly ISessionCell[], history: string[] | null): LiveCell[] {
  if (!history) {
    return cells.map(({ index, count, edited }) => ({ index, execution_count: count, edited }));
  }
  const ran = history.map(source => source.trim());
  const asItStands = (cell: ISessionCell): boolean =>
    cell.count !== null && ran[cell.count] === cell.source.trim();
  const taken = new Set(cells.filter(asItStands).map(cell => cell.count));
  return cells.map(cell => {
    const { index, count } = cell;
    if (asItStands(cell)) {
      return { index, execution_count: count, edited: false };
    }
    if (count !== null && cell.edited && count < ran.length && !taken.has(count)) {
      return { index, execution_count: count, edited: true };
    }
    // The count is of an earlier session; the same text may have run in this one nevertheless.
    const text = cell.source.trim();
    const [found] = ran
      .flatMap((one, at) => (text && one === text && !taken.has(at) ? [at] : []))
      .slice(-1);
    if (found !== undefined) {
      taken.add(found);
    }
    return { index, execution_count: found ?? null, edited: false };
  });
}

/** What was run out of order, or edited after it ran: told without any kernel or service. */
export function executionChecks(trans: TranslationBundle, cells: readonly ISessionCell[]): Check[] {
  const checks: Check[] = [];
  const counts = cells.map(cell => cell.count ?? 0);
  cells.forEach((cell, at) => {
    if (cell.count === null || !cell.source.trim()) {
      return;
    }
    if (cell.edited) {
      checks.push(
        warning(
          'live-edited',
          cell.index,
          trans.__(
            'Cell %1 was edited after it ran: what it set in your session comes from its earlier text.',
            cell.index + 1
          )
        )
      );
    }
    const later = cells.find((_, above) => above < at && counts[above] > counts[at]);
    if (later) {
      checks.push(
        warning(
          'live-order',
          cell.index,
          trans.__(
            'Cell %1 last ran before cell %2, further up; the rehearsal runs from top to bottom.',
            cell.index + 1,
            later.index + 1
          )
        )
      );
    }
  });
  return checks;
}

function warning(code: string, cell: number, message: string): Check {
  return { code, severity: 'warning', message, cell, line: null };
}
