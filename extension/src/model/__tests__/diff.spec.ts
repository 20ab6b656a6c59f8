import { cellsAhead, diffLines } from '../diff';

const marks = { same: ' ', removed: '-', added: '+' };
const shown = (before: string, after: string) =>
  diffLines(before, after).map(line => marks[line.kind] + line.text);

describe('diffLines', () => {
  it('keeps common lines and numbers both sides', () => {
    expect(shown('a\nb\nc', 'a\nx\nc\nd')).toEqual([' a', '-b', '+x', ' c', '+d']);
    const last = diffLines('a\nb\nc', 'a\nx\nc\nd')[3];
    expect([last.before, last.after]).toEqual([3, 3]);
  });

  it('shows a new cell as added only', () => {
    expect(shown('', 'a\nb')).toEqual(['+a', '+b']);
    expect(shown('a', '')).toEqual(['-a']);
    expect(shown('', '')).toEqual([]);
  });

  it('gives up on texts that nobody would read line by line', () => {
    const long = Array.from({ length: 2100 }, (_, line) => `line ${line}`).join('\n');
    expect(diffLines(long, `${long}\nmore`).filter(line => line.kind === 'same')).toEqual([]);
  });
});

describe('cellsAhead', () => {
  const cell = (source: string | string[]) => ({ cell_type: 'code', source });

  it('counts new, changed and removed cells once', () => {
    expect(cellsAhead([cell('a'), cell('b')], [cell('a'), cell('b')])).toBe(0);
    expect(cellsAhead([cell('a'), cell('c')], [cell('a'), cell('b')])).toBe(1);
    expect(cellsAhead([cell('a')], [cell('a'), cell('b'), cell('c')])).toBe(2);
  });

  it('reads sources in both forms of nbformat and overlooks empty new cells', () => {
    expect(cellsAhead([cell(['x\n', 'y']), cell('')], [cell('x\ny')])).toBe(0);
  });
});
