/** Line by line: what a changed cell lost and gained, and how far a notebook is from a version. */

export interface ILine {
  kind: 'same' | 'removed' | 'added';
  text: string;
  before: number | null;
  after: number | null;
}

/** Above this many comparisons a cell is shown as wholly replaced: nobody reads such a diff. */
const MOST_WORK = 4_000_000;

/** The lines of both texts in reading order, by their longest common subsequence. */
export function diffLines(before: string, after: string): ILine[] {
  const old = before === '' ? [] : before.split('\n');
  const now = after === '' ? [] : after.split('\n');
  const common = old.length * now.length > MOST_WORK ? [] : commonLines(old, now);
  const lines: ILine[] = [];
  let i = 0;
  let j = 0;
  for (const [nextOld, nextNow] of [...common, [old.length, now.length] as const]) {
    for (; i < nextOld; i++) {
      lines.push({ kind: 'removed', text: old[i], before: i + 1, after: null });
    }
    for (; j < nextNow; j++) {
      lines.push({ kind: 'added', text: now[j], before: null, after: j + 1 });
    }
    if (i < old.length && j < now.length) {
      lines.push({ kind: 'same', text: old[i], before: ++i, after: ++j });
    }
  }
  return lines;
}

function commonLines(old: string[], now: string[]): (readonly [number, number])[] {
  const width = now.length + 1;
  const lengths = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        old[i] === now[j]
          ? lengths[(i + 1) * width + j + 1] + 1
          : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  const pairs: (readonly [number, number])[] = [];
  for (let i = 0, j = 0; i < old.length && j < now.length;) {
    if (old[i] === now[j]) {
      pairs.push([i++, j++]);
    } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) {
      i++;
    } else {
      j++;
    }
  }
  return pairs;
}

interface ICellLike {
  cell_type: string;
  source: string | string[];
}

/** In how many cells a notebook differs from what was published: new, changed and removed ones. */
export function cellsAhead(current: readonly ICellLike[], published: readonly ICellLike[]): number {
  const key = (cell: ICellLike) =>
    `${cell.cell_type}\n${Array.isArray(cell.source) ? cell.source.join('') : cell.source}`;
  const counts = new Map<string, number>();
  for (const cell of published) {
    counts.set(key(cell), (counts.get(key(cell)) ?? 0) + 1);
  }
  let fresh = 0;
  for (const cell of current) {
    const left = counts.get(key(cell)) ?? 0;
    if (left > 0) {
      counts.set(key(cell), left - 1);
    } else if (key(cell).trim() !== cell.cell_type) {
      fresh += 1;
    }
  }
  const gone = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return Math.max(fresh, gone);
}
