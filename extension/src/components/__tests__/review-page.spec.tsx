import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage, until } from '../../__tests__/galley';
import { analysis, version } from '../../__tests__/samples';
import type { Version, VersionDiff } from '../../api/types';
import { ReviewPage } from '../review-page';

afterEach(clear);

const DIFF: VersionDiff = {
  before: 2,
  after: 3,
  cells: [
    { change: 'same', cell_type: 'code', before: 'a', after: 'a', before_index: 0, after_index: 0 },
    {
      change: 'changed',
      cell_type: 'code',
      before: 'x = 1\ny = 2',
      after: 'x = 1\ny = 3',
      before_index: 1,
      after_index: 1
    }
  ],
  modules: [],
  settings: [{ field: 'schedule.cron', before: '0 6 * * *', after: '0 7 * * *' }]
};

async function show(changes: Partial<Version> = {}, against = 'live') {
  const scene = stage(
    {
      'GET versions/v-3': version(changes),
      [`GET versions/v-3/diff?against=${against}`]: DIFF
    },
    { user: 'max', actions: ['read', 'approve-mle'] }
  );
  const box = await draw(scene.galley, <ReviewPage id="v-3" />);
  return { ...scene, box };
}

describe('ReviewPage', () => {
  it('shows changed lines, folds what is the same, and names settings in words', async () => {
    const { box } = await show();
    const lines = [...box.querySelectorAll('.jp-Galley-diffLine')].map(line => line.textContent);
    expect(lines).toEqual(['11 x = 1', '2−y = 2', '2+y = 3']);
    expect(box.textContent).toContain('1 unchanged cell');
    expect(box.querySelector('.jp-Galley-settingDiff tbody')!.textContent).toBe(
      'Schedule0 6 * * *0 7 * * *'
    );
    await settle(() => button('1 unchanged cell – show it').click());
    expect(box.querySelectorAll('.jp-Galley-diffCell')).toHaveLength(2);
  });

  it('lists the files that it reads and writes, each once, with the cells', async () => {
    const { box } = await show({
      analysis: analysis({
        files: [
          { path: 'out.csv', mode: 'write', cell: 4, line: 1 },
          { path: '/datasets/in/a.csv', mode: 'read', cell: 1, line: 1 },
          { path: '/datasets/in/a.csv', mode: 'read', cell: 1, line: 2 },
          { path: '/datasets/in/a.csv', mode: 'read', cell: 2, line: 1 },
          { path: null, mode: 'read', cell: 3, line: 1 }
        ]
      })
    });
    const rows = [...box.querySelectorAll('.jp-Galley-files > li')].map(row =>
      [...row.children].map(part => part.textContent).join(' | ')
    );
    expect(rows).toEqual([
      'Reads | /datasets/in/a.csv cell 2, cell 3',
      'Reads | a path that is known when it runs cell 4',
      'Writes | out.csv cell 5'
    ]);
  });

  it('compares what is live already with the version before it', async () => {
    const { box } = await show({ state: 'approved', live: true }, '2');
    expect(box.textContent).toContain('Against version 2.');
  });

  it('says that a newer version is live, which an approval leaves alone', async () => {
    const { box } = await show({ number: 1 });
    expect(box.textContent).toContain('Version 2, which is newer, is live. It stays live');
    await clear();
    const { box: newer } = await show({ number: 3 });
    expect(newer.textContent).not.toContain('which is newer');
  });

  it('says that the version changed while it was open, and approves nothing', async () => {
    const { box, events, transport } = await show();
    expect(reasonOf('Approve as MLE')).toBeNull();
    transport.answers['GET versions/v-3'] = version({ digest: 'e'.repeat(64) });
    events.received.emit({ kind: 'version.changed', subject: 'v-3' });
    await until(() => box.textContent.includes('This version changed since you opened it'));
    expect(reasonOf('Approve as MLE')).toContain('changed since you opened it');
    await settle(() => button('Look at it as it is now').click());
    expect(reasonOf('Approve as MLE')).toBeNull();
  });

  it('shows the executed notebook in a frame that has no rights', async () => {
    const { box } = await show();
    const tab = [...box.querySelectorAll<HTMLElement>('[role=tab]')][1];
    await settle(() => tab.click());
    const frame = box.querySelector('iframe')!;
    expect(frame.getAttribute('src')).toBe('/api/versions/v-3/rehearsal');
    expect(frame.getAttribute('sandbox')).toBe('');
  });

  it('says in which cell a rehearsal failed', async () => {
    const { box } = await show(
      {
        state: 'failed',
        evidence: {
          format: 1,
          passed: false,
          started_at: '2026-11-20T09:00:00Z',
          duration_s: 3,
          peak_memory: 0,
          cells: 4,
          error: { cell: 2, ename: 'E', evalue: 'x', message: 'cell 3 failed', traceback: [] }
        }
      },
      '2'
    );
    expect(box.querySelector('[role=alert]')!.textContent).toContain('Cell 3 failed');
  });
});
