import * as React from 'react';
import { clear, draw, stage } from '../../__tests__/galley';
import { run } from '../../__tests__/samples';
import type { Attempt, AttemptUsage, TaskTry } from '../../api/types';
import { Resources } from '../usage-view';

afterEach(clear);

const TASK: TaskTry = { name: 'fit', state: 'succeeded', upstream: [], notebook: true };
const ATTEMPT: Attempt = {
  id: 'a',
  number: 1,
  state: 'succeeded',
  host: 'h',
  started_at: '2026-11-20T09:00:00Z',
  tasks: [TASK]
};
const MIB = 2 ** 20;

async function show(tasks: AttemptUsage['tasks'], task = TASK): Promise<HTMLElement> {
  const usage: AttemptUsage = { attempt: 1, memory: 1024 * MIB, cpu: 2, ended: true, tasks };
  const { galley } = stage({ 'GET runs/r-1/attempts/1/resources': usage });
  return draw(galley, <Resources run={run()} attempt={ATTEMPT} task={task} />);
}

describe('Resources', () => {
  it('draws memory and CPU against the limit, and says the same in words and as a table', async () => {
    const box = await show([
      {
        task: 'fit',
        points: [
          { at: '2026-11-20T09:00:00Z', memory: 100 * MIB, cpu_s: 0 },
          { at: '2026-11-20T09:00:10Z', memory: 900 * MIB, cpu_s: 15 },
          { at: '2026-11-20T09:00:20Z', memory: 300 * MIB, cpu_s: 16 }
        ]
      }
    ]);
    const [memory, cpu] = [...box.querySelectorAll('svg[role=img]')].map(one =>
      one.getAttribute('aria-label')
    );
    expect(memory).toBe('Memory: at most 900 MiB, after 10 s; limit is 1 GiB');
    expect(cpu).toBe('CPU: at most 1.5 CPU, after 10 s; profile is 2 CPU');
    expect(box.querySelectorAll('.jp-Galley-threshold')).toHaveLength(2);
    expect(box.querySelector('tbody')!.textContent).toContain('300 MiB');
  });

  it('draws the CPU of two points, which are one sample, as a dot', async () => {
    const points = ['00', '10'].map(second => ({
      at: `2026-11-20T09:00:${second}Z`,
      memory: 100 * MIB,
      cpu_s: Number(second)
    }));
    const box = await show([{ task: 'fit', points }]);
    expect(box.querySelectorAll('line.jp-mod-point')).toHaveLength(1);
  });

  it('says of a task that was not measured why not, and shows the others', async () => {
    const points = [{ at: '2026-11-20T09:00:00Z', memory: 100 * MIB, cpu_s: 2 }];
    const box = await show(
      [
        { task: 'load', points },
        { task: 'fit', points }
      ],
      { ...TASK, name: 'report', state: 'skipped' }
    );
    expect(box.textContent).toContain('This task was not measured.');
    expect(box.querySelectorAll('tbody tr')).toHaveLength(2);
  });
});
