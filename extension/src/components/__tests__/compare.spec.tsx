import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage, until } from '../../__tests__/galley';
import { run, version } from '../../__tests__/samples';
import type { Run, RunComparison } from '../../api/types';
import { PagedList } from '../../model/list';
import { ComparePage } from '../compare-page';
import { RunDialog } from '../run-dialog';
import { RunTable } from '../run-list';

afterEach(clear);

const FOUND: RunComparison = {
  left: run({ id: 'r-1' }),
  right: run({ id: 'r-2', state: 'failed', state_reason: 'cell 3 failed' }),
  same_version: false,
  parameters: [
    { name: 'alpha', left: '1', right: '7' },
    { name: 'beta', left: '2', right: null }
  ],
  metrics: [{ name: 'auc', left: 0.8, right: 1 }],
  tasks: [{ task: 'fit', cell: null, left: 10, right: 5 }],
  cells: [{ task: 'fit', cell: 2, left: 1, right: 2 }],
  packages: [{ name: 'pandas', left: '2.2.0', right: '3.1.0' }],
  outputs: [
    { task: 'fit', cell: 2, left: true, right: true, same: false },
    { task: 'fit', cell: 3, left: true, right: true, same: true }
  ],
  notes: []
};

describe('ComparePage', () => {
  it('shows what differs in values, metrics, durations, packages and outputs', async () => {
    const { galley, went } = stage({ 'GET runs/compare?left=r-1&right=r-2': FOUND });
    const box = await draw(galley, <ComparePage left="r-1" right="r-2" />);
    for (const part of ['cell 3 failed', 'auc0.81+0.2 (+25 %)', '−5.0 s (−50 %)', '2.2.03.1.0']) {
      expect(box.textContent).toContain(part);
    }
    expect(box.textContent).toContain('1 equal, 1 different');
    const frame = (): HTMLIFrameElement => box.querySelector('iframe')!;
    expect(frame().getAttribute('sandbox')).toBe('');
    expect(frame().src).toContain('/api/runs/compare/outputs?left=r-1&right=r-2');
    await settle(() => button('cell 3').click());
    expect(frame().src).toContain('#cell-2');
    await settle(() => button('Swap sides').click());
    expect(went).toEqual([{ kind: 'compare', left: 'r-2', right: 'r-1' }]);
  });
});

describe('RunTable', () => {
  it('compares two selected runs, the older one on the left', async () => {
    const runs = ['r-1', 'r-2', 'r-3'].map(id => run({ id }));
    const list = new PagedList<Run>(() => Promise.resolve({ items: runs }), 50);
    await list.refresh();
    const { galley, went } = stage();
    const box = await draw(galley, <RunTable list={list} empty={null} />);
    const pick = (index: number): Promise<void> =>
      settle(() => box.querySelectorAll<HTMLInputElement>('input[type=checkbox]')[index].click());
    await pick(2);
    expect(reasonOf('Compare')).toBe('Select one more run.');
    await pick(0);
    await settle(() => button('Compare').click());
    expect(went).toEqual([{ kind: 'compare', left: 'r-1', right: 'r-3' }]);
  });
});

describe('RunDialog', () => {
  it('tries a version with the rights of who asks', async () => {
    const started: Run[] = [];
    const { galley, transport } = stage({
      'GET tenants/oncology/pipelines/risk/versions?limit=100': { items: [version()] },
      'POST tenants/oncology/pipelines/risk/trials': run({ id: 'r-9', kind: 'trial' })
    });
    await draw(
      galley,
      <RunDialog
        trial
        tenant="oncology"
        slug="risk"
        version={3}
        onClose={() => undefined}
        onStarted={one => void started.push(one)}
      />
    );
    const dialog = document.querySelector('dialog')!;
    expect(dialog.textContent).toContain('your own rights');
    expect(dialog.textContent).not.toContain('Logical date');
    await settle(() => button('Try it now').click());
    await until(() => started.length === 1);
    expect(transport.asked.at(-1)?.body).toMatchObject({ version: 3 });
  });
});
