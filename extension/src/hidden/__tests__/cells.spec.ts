import { trans } from '../../__tests__/trans';
import { executionChecks, ranCells, type ISessionCell } from '../cells';
import { readReport } from '../session';

const cell = (
  index: number,
  source: string,
  count: number | null,
  edited = false
): ISessionCell => ({ index, source, count, edited });

describe('ranCells', () => {
  it('believes the history rather than the counts of an earlier session', () => {
    const cells = [cell(0, 'a = 1', 1), cell(2, 'b = 2', 7), cell(3, 'c = 3', 2)];
    expect(ranCells(cells, ['', 'a = 1', 'scratch'])).toEqual([
      { index: 0, execution_count: 1, edited: false },
      { index: 2, execution_count: null, edited: false },
      { index: 3, execution_count: null, edited: false }
    ]);
  });

  it('knows a cell that was edited after it ran', () => {
    expect(ranCells([cell(0, 'a = 2', 1, true)], ['', 'a = 1'])).toEqual([
      { index: 0, execution_count: 1, edited: true }
    ]);
    // Edited back to what ran.
    expect(ranCells([cell(0, 'a = 1', 1, true)], ['', 'a = 1'])[0].edited).toBe(false);
  });

  it('finds what ran though its count was cleared, each execution for one cell only', () => {
    const cells = [cell(0, 'df.head()', 2), cell(1, 'df.head()', null), cell(2, 'x', null)];
    expect(ranCells(cells, ['', 'x', 'df.head()']).map(one => one.execution_count)).toEqual([
      2,
      null,
      1
    ]);
  });

  it('takes the counts where the kernel keeps no history', () => {
    expect(ranCells([cell(0, 'a', 3, true)], null)).toEqual([
      { index: 0, execution_count: 3, edited: true }
    ]);
  });
});

describe('executionChecks', () => {
  const found = (...cells: ISessionCell[]) =>
    executionChecks(trans, cells).map(check => [check.code, check.cell]);

  it('is silent about what ran from top to bottom', () => {
    expect(found(cell(0, 'a', 1), cell(1, 'b', null), cell(2, 'c', 5))).toEqual([]);
  });

  it('names the cell that ran before one above it, and the one that was edited', () => {
    expect(found(cell(0, 'a', 4), cell(2, 'b', 2), cell(3, 'c', 6, true))).toEqual([
      ['live-order', 2],
      ['live-edited', 3]
    ]);
    const [check] = executionChecks(trans, [cell(0, 'a', 4), cell(2, 'b', 2)]);
    expect(check.message).toBe(
      'Cell 3 last ran before cell 1, further up; the rehearsal runs from top to bottom.'
    );
  });
});

describe('readReport', () => {
  const encoded = btoa('{"snapshot": {}, "history": ["\\u00e4"]}');

  it('reads what a kernel answers', () => {
    const reply = { status: 'ok', data: { 'text/plain': `'${encoded}'` } };
    expect(readReport(reply)).toEqual({ snapshot: {}, history: ['ä'] });
  });

  it('says what went wrong in the kernel', () => {
    const reply = { status: 'error', ename: 'MemoryError', evalue: 'too much' };
    expect(() => readReport(reply)).toThrow('MemoryError: too much');
    expect(() => readReport(undefined)).toThrow('no report');
  });
});
