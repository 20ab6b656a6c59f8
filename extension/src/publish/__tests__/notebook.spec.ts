import { trans } from '../../__tests__/trans';
import { refuse, type ICell } from '../notebook';

const code: ICell = { cell_type: 'code', source: 'x = 1' };
const refused = (path: string, cells: ICell[]): string | null =>
  refuse(trans, { path, cells, readOnly: false });

describe('refuse', () => {
  it('lets a named notebook with code through', () => {
    expect(refused('work/report.ipynb', [code])).toBeNull();
    expect(refused('work/untitled thoughts.ipynb', [code])).toBeNull();
  });

  it.each(['Untitled.ipynb', 'work/Untitled12.ipynb', 'untitled1.ipynb'])('refuses %s', path => {
    expect(refused(path, [code])).toContain('Rename it first');
  });

  it('refuses a notebook without code', () => {
    expect(refused('a.ipynb', [])).toContain('no code');
    expect(
      refused('a.ipynb', [
        { cell_type: 'markdown', source: '# Words' },
        { cell_type: 'code', source: ' \n' }
      ])
    ).toContain('no code');
  });
});
