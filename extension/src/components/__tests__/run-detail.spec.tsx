import * as React from 'react';
import { clear, draw, settle, stage } from '../../__tests__/galley';
import { run } from '../../__tests__/samples';
import type { Attempt, Run, TaskTry } from '../../api/types';
import { RunDetail } from '../run-detail';

afterEach(clear);

const UNBEGUN = 'It ended before its first cell did; the log says more.';
const NOT_KEPT = 'Its cells were executed; the log says why nothing of it is kept.';

async function shown(changes: Partial<TaskTry>, ofRun: Partial<Run> = {}, ended = true) {
  const task: TaskTry = {
    name: 'train',
    state: 'failed',
    upstream: [],
    notebook: false,
    cell: 0,
    cells: 3,
    ...changes
  };
  const attempt: Attempt = {
    id: 'a-1',
    number: 1,
    state: 'failed',
    host: 'h',
    started_at: '2026-11-20T09:00:00Z',
    ended_at: ended ? '2026-11-20T09:01:00Z' : null,
    tasks: [task]
  };
  const { galley } = stage({
    'GET runs/r-1/files?attempt=1': [{ name: 'train.cell-2.png', size: 10 }]
  });
  const whole = run({ state: 'failed', attempts: [attempt], ...ofRun });
  const box = await draw(galley, <RunDetail run={whole} attempt={attempt} task={task} />);
  const notebook = [...box.querySelectorAll('button')].find(one => one.textContent === 'Notebook');
  await settle(() => notebook?.click());
  return box.textContent;
}

describe('RunDetail with an executed notebook', () => {
  beforeEach(() => void jest.useFakeTimers({ advanceTimers: true }));
  afterEach(() => void jest.useRealTimers());

  it('shows more of it as its cells go by, what came after the last, and the whole', async () => {
    const drawn = async (changes: Partial<TaskTry>, endedAt: string | null): Promise<number> => {
      await settle(() => {
        document.querySelectorAll('iframe').forEach(one => one.dispatchEvent(new Event('load')));
      });
      const task: TaskTry = {
        name: 'train',
        state: 'running',
        upstream: [],
        notebook: true,
        ...changes
      };
      const attempt = { number: 1, state: 'running', ended_at: endedAt, tasks: [task] };
      const { galley } = scene;
      await draw(
        galley,
        <RunDetail run={whole} attempt={attempt as unknown as Attempt} task={task} />
      );
      await settle(() => document.querySelector<HTMLElement>('[role=tab]')?.click());
      await settle(() => void jest.advanceTimersByTime(10_000));
      return document.querySelectorAll('iframe').length;
    };
    const scene = stage({ 'GET runs/r-1/files?attempt=1': [] });
    const whole = run({ state: 'running' });
    expect(await drawn({ cell: 1 }, null)).toBe(1);
    expect(await drawn({ cell: 2 }, null)).toBe(2);
    expect(await drawn({ cell: 2 }, null)).toBe(1);
    const over = { cell: 3, state: 'succeeded', ended_at: new Date().toISOString() } as const;
    expect(await drawn(over, null)).toBe(2);
    expect(await drawn(over, null)).toBe(2);
    expect(await drawn(over, null)).toBe(1);
    expect(await drawn(over, new Date().toISOString())).toBe(2);
    expect(await drawn(over, new Date().toISOString())).toBe(1);
  });
});

describe('RunDetail without an executed notebook', () => {
  it('says that no cell ended only where the count says so', async () => {
    expect(await shown({})).toContain(UNBEGUN);
    await clear();
    const text = await shown({ cell: 2 });
    expect(text).toContain(NOT_KEPT);
    expect(text).toContain('train.cell-2.png');
    await clear();
    expect(await shown({ state: 'succeeded', cell: 3 })).toContain(NOT_KEPT);
    await clear();
    const error = { cell: 0, ename: 'E', evalue: '', message: 'no', task: null, traceback: [] };
    expect(await shown({ error })).toContain(NOT_KEPT);
    await clear();
    const unmade = { ...error, cell: null };
    expect(await shown({ error: unmade })).toContain(UNBEGUN);
  });

  it('says that it was removed where nothing of the run is kept any more', async () => {
    const text = await shown({ cell: 2 }, { files_removed_at: '2026-12-20T09:00:00Z' });
    expect(text).toContain('It was removed with the logs of the run.');
    expect(text).not.toContain('the log says');
  });

  it('waits for no notebook of an attempt that has ended while the run goes on', async () => {
    const open = { state: 'queued' as const, ended_at: null };
    expect(await shown({}, open)).toContain(UNBEGUN);
    await clear();
    expect(await shown({ state: 'running' }, { ...open, state: 'running' }, false)).toContain(
      'It appears while the cells run.'
    );
  });
});
