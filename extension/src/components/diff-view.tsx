/** What a version changes, cell by cell and line by line; unchanged cells are folded away. */
import * as React from 'react';
import type { CellDiff, FieldDiff } from '../api/types';
import { diffLines } from '../model/diff';
import type { IWord } from '../model/words';
import { Empty } from './basics';
import { useTrans } from './context';
import { Badge } from './glyph';

export function CellDiffs(props: {
  cells: readonly CellDiff[];
  label: string;
  empty: string;
}): JSX.Element {
  const trans = useTrans();
  const [open, setOpen] = React.useState<ReadonlySet<number>>(new Set());
  const groups = group(props.cells);
  if (props.cells.every(cell => cell.change === 'same')) {
    return <Empty title={props.empty} />;
  }
  return (
    <div className="jp-Galley-diff" role="group" aria-label={props.label}>
      {groups.map((part, index) =>
        part[0].change === 'same' && !open.has(index) ? (
          <button
            key={index}
            type="button"
            className="jp-Galley-fold"
            onClick={() => setOpen(new Set(open).add(index))}
          >
            {trans._n('%1 unchanged cell – show it', '%1 unchanged cells – show them', part.length)}
          </button>
        ) : (
          part.map((cell, offset) => <Cell key={`${index}.${offset}`} cell={cell} />)
        )
      )}
    </div>
  );
}

/** Neighbouring unchanged cells together, every other cell alone. */
function group(cells: readonly CellDiff[]): CellDiff[][] {
  const groups: CellDiff[][] = [];
  for (const cell of cells) {
    const last = groups[groups.length - 1];
    if (cell.change === 'same' && last && last[0].change === 'same') {
      last.push(cell);
    } else {
      groups.push([cell]);
    }
  }
  return groups;
}

function Cell({ cell }: { cell: CellDiff }): JSX.Element {
  const trans = useTrans();
  const lines = React.useMemo(
    () => diffLines(cell.before ?? '', cell.after ?? ''),
    [cell.before, cell.after]
  );
  const number = cell.after_index ?? cell.before_index;
  return (
    <article className={`jp-Galley-diffCell jp-mod-${cell.change}`}>
      <header>
        <span>
          {number !== null && number !== undefined
            ? trans.__('Cell %1', number + 1)
            : (cell.path ?? trans.__('File'))}
          <span className="jp-Galley-muted"> {cell.cell_type}</span>
        </span>
        {cell.change !== 'same' && <Badge word={changeWord(trans, cell.change)} />}
      </header>
      <div className="jp-Galley-diffLines" tabIndex={0}>
        {lines.map((line, index) => (
          <div key={index} className={`jp-Galley-diffLine jp-mod-${line.kind}`}>
            <span aria-hidden="true">{line.before ?? ''}</span>
            <span aria-hidden="true">{line.after ?? ''}</span>
            <span>{line.kind === 'added' ? '+' : line.kind === 'removed' ? '−' : ' '}</span>
            <code>{line.text || ' '}</code>
          </div>
        ))}
      </div>
    </article>
  );
}

function changeWord(trans: ReturnType<typeof useTrans>, change: CellDiff['change']): IWord {
  if (change === 'added') {
    return { text: trans.__('Added'), tone: 'good', glyph: 'check' };
  }
  if (change === 'removed') {
    return { text: trans.__('Removed'), tone: 'bad', glyph: 'cross' };
  }
  return { text: trans.__('Changed'), tone: 'warn', glyph: 'info' };
}

/** Settings that change with the version. */
export function SettingDiffs(props: {
  settings: readonly FieldDiff[];
  /** What the two columns are called; by default the live version and this one. */
  names?: [string, string];
}): JSX.Element {
  const trans = useTrans();
  if (props.settings.length === 0) {
    return <Empty title={trans.__('No setting changes.')} />;
  }
  return (
    <table className="jp-Galley-table jp-Galley-settingDiff">
      <thead>
        <tr>
          <th>{trans.__('Setting')}</th>
          <th>{props.names?.[0] ?? trans.__('Live now')}</th>
          <th>{props.names?.[1] ?? trans.__('With this version')}</th>
        </tr>
      </thead>
      <tbody>
        {props.settings.map(one => (
          <tr key={one.field}>
            <td>{fieldName(trans, one.field)}</td>
            <td>
              {one.before === null ? (
                <span className="jp-Galley-muted">–</span>
              ) : (
                <del>{one.before}</del>
              )}
            </td>
            <td>
              {one.after === null ? (
                <span className="jp-Galley-muted">–</span>
              ) : (
                <ins>{one.after}</ins>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function fieldName(trans: ReturnType<typeof useTrans>, field: string): string {
  const names: Record<string, string> = {
    name: trans.__('Name'),
    description: trans.__('Description'),
    profile: trans.__('Profile'),
    timeout_s: trans.__('Time limit, seconds'),
    cell_timeout_s: trans.__('Time limit of a cell, seconds'),
    retries: trans.__('Retries'),
    'schedule.cron': trans.__('Schedule'),
    'schedule.timezone': trans.__('Time zone'),
    'schedule.catch_up': trans.__('After downtime'),
    'schedule.catch_up_limit': trans.__('Caught up at most'),
    'schedule.overlap': trans.__('Overlap of runs'),
    'schedule.depends_on_past': trans.__('Depends on the past'),
    'schedule.start': trans.__('No firing before'),
    'schedule.end': trans.__('No firing after'),
    'schedule.jitter_s': trans.__('Jitter, seconds'),
    'schedule.deadline_s': trans.__('Deadline, seconds'),
    'schedule.priority': trans.__('Priority'),
    'schedule.max_active_runs': trans.__('Runs at the same time'),
    'goal.metric': trans.__('Goal: metric'),
    'goal.direction': trans.__('Goal: better when'),
    'goal.threshold': trans.__('Goal: threshold')
  };
  const [kind, ...rest] = field.split('.');
  const name = rest.join('.');
  if (kind === 'parameters') {
    return trans.__('Parameter %1', name);
  }
  if (kind === 'stated') {
    return trans.__('Requirement %1', name);
  }
  return kind === 'requirements' ? trans.__('Package %1', name) : (names[field] ?? field);
}
