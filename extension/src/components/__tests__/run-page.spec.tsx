import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage, until } from '../../__tests__/galley';
import { run, version } from '../../__tests__/samples';
import type { Action, Attempt, Run, TaskTry } from '../../api/types';
import type { IRunPart } from '../../model/place';
import { RunPage } from '../run-page';

afterEach(clear);

const TASK: TaskTry = { name: 'train', state: 'failed', upstream: [], notebook: false };
const FAILED: Attempt = {
  id: 'a-1',
  number: 1,
  state: 'failed',
  host: 'h',
  failure_class: 'user',
  error: {
    task: 'train',
    cell: 6,
    ename: 'NameError',
    evalue: 'df2',
    message: 'cell 7 uses `df2`, which no cell of this notebook defines',
    traceback: ['\u001b[31mNameError\u001b[0m: df2']
  },
  started_at: '2026-11-20T09:00:00Z',
  tasks: [TASK]
};

async function show(changes: Partial<Run>, actions: Action[] = ['read', 'run']) {
  const scene = stage(
    {
      'GET runs/r-1': run(changes),
      'GET versions/v-2': version({ id: 'v-2' }),
      'GET runs/r-1/log?attempt=1&offset=0&limit=262144': {
        text: 'one\ntwo\n',
        offset: 0,
        next_offset: 8,
        size: 8,
        ended: true
      },
      'POST runs/r-1/cancel': run({ ...changes, cancel_requested: true }),
      'POST runs/r-1/retry': run({ ...changes, state: 'queued' })
    },
    { actions }
  );
  const box = await draw(scene.galley, <RunPage id="r-1" />);
  return { ...scene, box };
}

describe('RunPage', () => {
  it('says the state in words, with the version and what started it', async () => {
    const { box } = await show({ trigger: 'schedule', parameters: { depth: 4 } });
    const head = box.querySelector('header')!.textContent;
    for (const part of ['Succeeded', '1 min', 'version 2', 'by the schedule', 'depth = 4']) {
      expect(head).toContain(part);
    }
  });

  it('runs again for the same date, of which its time parameters are made anew', async () => {
    const parameters = { depth: 4, logical_date: '2026-11-20' };
    const asked = async (changes: Partial<Run>): Promise<unknown> => {
      const { transport } = await show({ parameters, ...changes });
      transport.answers['GET tenants/oncology/pipelines/risk/versions?limit=100'] = {
        items: [version({ number: 2 })]
      };
      transport.answers['POST tenants/oncology/pipelines/risk/runs'] = run({ id: 'r-9' });
      await settle(() => button('Run again…').click());
      await settle(() => button('Run now').click());
      const { body } = transport.asked.find(one => one.method === 'POST')!;
      await clear();
      return body;
    };
    const forDate = await asked({ trigger: 'backfill', created_at: '2026-11-28T12:00:00Z' });
    expect(forDate).toMatchObject({
      parameters: { depth: 4 },
      logical_date: '2026-11-20T09:00:00Z'
    });
    expect(await asked({ trigger: 'manual' })).toMatchObject({
      parameters: { depth: 4 },
      logical_date: null
    });
  });

  it('says why a kernel was not forked, and nothing of one that was', async () => {
    const why = 'started: no zygote answered';
    const tasks = [{ ...TASK, kernel: why }];
    const { box } = await show({ state: 'failed', attempts: [{ ...FAILED, tasks }] });
    expect(box.textContent).toContain(`Kernel ${why}`);
    await clear();
    const forked = [{ ...TASK, kernel: 'forked' }];
    const other = await show({ state: 'failed', attempts: [{ ...FAILED, tasks: forked }] });
    expect(other.box.textContent).not.toContain('Kernel');
  });

  it('counts cells as they are told, without asking for the run each time', async () => {
    const tasks: TaskTry[] = [{ ...TASK, state: 'running', cell: 1, cells: 9 }];
    const attempts: Attempt[] = [{ ...FAILED, state: 'running', error: null, tasks }];
    const { box, events, transport } = await show({
      state: 'running',
      cell: 1,
      cells: 9,
      attempts
    });
    const asked = () => transport.asked.filter(one => one.path === 'runs/r-1').length;
    const tell = (state: string): Promise<void> =>
      settle(() =>
        events.received.emit({
          kind: 'run.progress',
          subject: 'r-1',
          data: { attempt: 1, cell: 4, cells: 9, tasks: { train: { state, cell: 4, cells: 9 } } }
        })
      );
    await tell('running');
    expect(box.querySelector('header')!.textContent).toContain('cell 5 of 9');
    await new Promise(resolve => setTimeout(resolve, 400));
    expect(asked()).toBe(1);
    await tell('succeeded');
    await until(() => asked() === 2, 1000);
  });

  it('says what a queued run waits for', async () => {
    const reason = 'waits for other runs of this pipeline';
    const { box } = await show({ state: 'queued', state_reason: reason, attempts: [] });
    expect(box.querySelector('.jp-Galley-notice')!.textContent).toBe(`Queued: ${reason}.`);
  });

  it('leads from a task that was taken over to the run that executed it', async () => {
    const tasks: TaskTry[] = ['load', 'fit'].map(name => ({
      name,
      state: 'succeeded',
      upstream: [],
      notebook: true,
      reused_run: 'r-0'
    }));
    const graph = tasks.map(({ name }) => ({ name, upstream: [], cells: [0] }));
    const attempts: Attempt[] = [{ ...FAILED, state: 'succeeded', error: null, tasks }];
    const { box, went } = await show({ incremental: true, graph, attempts });
    expect(box.querySelector('header')!.textContent).toContain('incremental');
    const head = box.querySelector('.jp-Galley-taskHead')!;
    expect(head.textContent).toContain('unchanged, so taken from an earlier run');
    const boxes = [...box.querySelectorAll('.jp-Galley-graphState')];
    expect(boxes.map(one => one.textContent)).toEqual(['Unchanged · cell 1', 'Unchanged · cell 1']);
    await settle(() => head.querySelector('a')!.click());
    expect(went).toEqual([{ kind: 'run', id: 'r-0' }]);
  });

  it('says of a failure what happened, in which cell, of which class, and what to do', async () => {
    const { box } = await show({ state: 'failed', attempts: [FAILED], attempt_count: 1 });
    const failure = box.querySelector('[role=alert]')!;
    expect(failure.innerHTML).toContain(
      'Cell 7 uses <code>df2</code>, which no cell of this notebook defines'
    );
    const alert = failure.textContent;
    expect(alert).toContain('Error in the notebook · task train · cell 7 · not repeated');
    expect(alert).toContain('Mend the cell');
    await settle(() => button('Show the traceback').click());
    expect(box.querySelector('pre')!.textContent).toBe('NameError: df2');
  });

  it('lets no character of a message or value turn what is beside it', async () => {
    const error = { ...FAILED.error!, message: 'it is \u202eevil', traceback: ['\u202etrace'] };
    const { box } = await show({
      state: 'failed',
      attempts: [{ ...FAILED, error }],
      parameters: { name: '\u202evalue' }
    });
    await settle(() => button('Show the traceback').click());
    await settle(() => button('Parameters').click());
    expect(box.textContent.match(/\\u202e(evil|value|trace)/g)).toHaveLength(4);
    expect(box.textContent).not.toContain('\u202e');
  });

  it('brings what failed into JupyterLab to be debugged', async () => {
    const { debugged } = await show({ state: 'failed', attempts: [FAILED], attempt_count: 1 });
    await settle(() => button('Debug in JupyterLab').click());
    expect(debugged).toEqual([['r-1', 1, null]]);
  });

  it('cancels a run once and not without asking, and then says that it is being cancelled', async () => {
    const { transport, box } = await show({ state: 'running', ended_at: null });
    const posts = () => transport.asked.filter(one => one.method === 'POST');
    button('Cancel run').focus();
    await settle(() => button('Cancel run').click());
    expect(document.body.textContent).toContain('Logs and notebooks are kept as far as they came');
    expect(document.activeElement).toBe(button('Let it go on'));
    await settle(() => button('Let it go on').click());
    expect(document.activeElement).toBe(button('Cancel run'));
    expect(document.body.textContent).not.toContain('are kept as far as they came');
    expect(posts()).toHaveLength(0);
    await settle(() => button('Cancel run').click());
    await settle(() => button('Cancel the run').click());
    expect(posts()).toHaveLength(1);
    expect(box.textContent).toContain('Cancelling');
    expect(reasonOf('Cancel run')).toBe('It is being cancelled.');
  });

  it('says once who cancelled a run, and why one was skipped', async () => {
    const cancelled = await show({ state: 'cancelled', state_reason: 'cancelled by alex' });
    const notice = (box: Element) => box.querySelector('.jp-Galley-notice')!.textContent;
    expect(notice(cancelled.box)).toBe('Cancelled by alex.');
    await clear();
    const reason = 'the run before it had not ended';
    const skipped = await show({ state: 'skipped', state_reason: reason, attempts: [] });
    expect(notice(skipped.box)).toBe(`Skipped: ${reason}.`);
  });

  it('says that a run that has no cells yet is being prepared', async () => {
    const { box } = await show({ state: 'running', ended_at: null, cell: null, cells: null });
    expect(box.textContent).toContain('preparing its environment');
  });

  it('retries what failed and nothing else', async () => {
    await show({ state: 'failed', attempts: [FAILED] });
    expect(reasonOf('Retry')).toBeNull();
    await clear();
    await show({ state: 'cancelled' });
    expect(() => button('Retry')).toThrow('no button');
  });

  it('tells somebody who may only read why they cannot run it again', async () => {
    await show({}, ['read']);
    expect(reasonOf('Run again…')).toContain('do not allow running pipelines');
  });

  it('shows several tasks as a graph, and why one of them was skipped', async () => {
    const task = (name: string, state: TaskTry['state'], ...upstream: string[]): TaskTry => ({
      name,
      state,
      upstream,
      notebook: false
    });
    const tasks = [
      task('load', 'succeeded'),
      task('train', 'failed', 'load'),
      task('tune', 'skipped', 'train'),
      task('report', 'skipped', 'tune', 'load')
    ];
    const graph = tasks.map(({ name, upstream }) => ({ name, upstream, cells: [] }));
    const { box } = await show({
      state: 'failed',
      graph,
      attempts: [{ ...FAILED, tasks }],
      attempt_count: 1
    });
    const shown = (name: string) =>
      box.querySelector<HTMLElement>(`.jp-Galley-graphBox[aria-label^="${name}:"]`)!;
    expect(shown('train').getAttribute('aria-pressed')).toBe('true');
    expect(shown('report').textContent).toContain('Skipped');
    await settle(() => shown('report').click());
    expect(box.querySelector('.jp-Galley-taskHead')!.textContent).toContain('report');
    expect(box.querySelector('.jp-Galley-detail')!.textContent).toContain(
      'It waits for the task “train”, which did not succeed.'
    );
  });

  it('brings the failed one of many tasks into sight, and again from what is told of it', async () => {
    const tasks = Array.from({ length: 20 }, (_, at): TaskTry => {
      const name = at === 19 ? 'train' : `task-${at}`;
      return { name, state: at === 19 ? 'failed' : 'succeeded', upstream: [], notebook: false };
    });
    const graph = tasks.map(({ name }) => ({ name, upstream: [], cells: [] }));
    const { box } = await show({ state: 'failed', graph, attempts: [{ ...FAILED, tasks }] });
    const frame = box.querySelector('.jp-Galley-graph')!;
    const far = frame.scrollTop;
    expect(far).toBeGreaterThan(1000);
    const shown = () => box.querySelector('.jp-Galley-taskHead')!.textContent;
    await settle(() => box.querySelector<HTMLElement>('.jp-Galley-graphBox')!.click());
    expect(shown()).toContain('task-0');
    expect(frame.scrollTop).toBeLessThan(100);
    await settle(() => button('task train').click());
    expect(shown()).toContain('train');
    expect(frame.scrollTop).toBe(far);
  });

  it('shows the attempt, task and tab that its address names, and tells which are chosen', async () => {
    const { galley } = await show({});
    const tasks = ['load', 'train'].map(name => ({ ...TASK, name }));
    const graph = tasks.map(({ name }) => ({ name, upstream: [], cells: [] }));
    const attempts = [1, 2].map(number => ({ ...FAILED, id: `a-${number}`, number, tasks }));
    galley.client.run = () => Promise.resolve(run({ state: 'failed', graph, attempts }));
    const told: object[] = [];
    const page = (part?: IRunPart) => (
      <RunPage id="r-1" part={part} onPart={chosen => void told.push(chosen)} />
    );
    await clear();
    const box = await draw(galley, page({ attempt: 1, task: 'train', tab: 'metrics' }));
    expect(box.querySelector('select')!.value).toBe('1');
    expect(box.querySelector('.jp-Galley-taskHead')!.textContent).toContain('train');
    expect(box.querySelector('[role=tab][aria-selected=true]')!.textContent).toBe('Metrics');
    await settle(() => box.querySelector<HTMLElement>('.jp-Galley-graphBox')!.click());
    await settle(() => button('Parameters').click());
    expect(told).toEqual([
      { attempt: 1, task: 'load', tab: 'metrics' },
      { attempt: 1, task: 'load', tab: 'parameters' }
    ]);
  });

  it('asks again when an event says that the run changed', async () => {
    const { transport, events, box } = await show({ state: 'running', ended_at: null });
    transport.answers['GET runs/r-1'] = run({ state: 'succeeded' });
    events.received.emit({ kind: 'run.changed', subject: 'another' });
    events.received.emit({ kind: 'run.changed', subject: 'r-1' });
    await until(() => box.querySelector('header')!.textContent.includes('Succeeded'));
    expect(transport.asked.filter(one => one.path === 'runs/r-1')).toHaveLength(2);
  });

  it('tells anew what a queued run waits for when others of its tenant move', async () => {
    const { transport, events, box } = await show({ state: 'queued', state_reason: 'waits for A' });
    expect(box.textContent).toContain('waits for A');
    transport.answers['GET runs/r-1'] = run({ state: 'queued', state_reason: 'waits for B' });
    jest.useFakeTimers({ now: Date.now() });
    events.received.emit({ kind: 'run.changed', subject: 'another', tenant: 'winery' });
    events.received.emit({ kind: 'run.progress', subject: 'another', tenant: 'oncology' });
    events.received.emit({ kind: 'run.changed', subject: 'another', tenant: 'oncology' });
    await React.act(() => jest.advanceTimersByTimeAsync(5000));
    jest.useRealTimers();
    await until(() => box.textContent.includes('waits for B'));
    expect(transport.asked.filter(one => one.path === 'runs/r-1')).toHaveLength(2);
  });

  it('keeps the cause in sight when there is no such run', async () => {
    const { transport, box } = await show({});
    delete transport.answers['GET runs/r-1'];
    await clear();
    const { galley, went } = stage({});
    const again = await draw(galley, <RunPage id="r-1" />);
    expect(again.textContent).toContain('There is no run “r-1” that you may see.');
    expect(box.isConnected).toBe(false);
    expect(() => button('Retry')).toThrow('no button');
    await settle(() => again.querySelector('a')!.click());
    expect(went).toEqual([{ kind: 'runs' }]);
  });

  it('takes a name that no run can have for none, and keeps Retry for what may pass', async () => {
    const path = 'GET runs/r-1';
    const first = stage({});
    first.transport.refusals[path] = { detail: 'run_id: Input should be a UUID', field: 'run_id' };
    const refused = await draw(first.galley, <RunPage id="r-1" />);
    expect(refused.textContent).toBe('There is no run “r-1” that you may see.All runs');
    await clear();
    const away = await draw(stage({ [path]: new Error('gone') }).galley, <RunPage id="r-1" />);
    expect(away.textContent).toContain('does not answer');
    expect(reasonOf('Retry')).toBeNull();
  });
});
