import { Signal } from '@lumino/signaling';
import { run } from '../../__tests__/samples';
import type { EventStream } from '../../api/events';
import type { Attempt, GalleyEvent, Run } from '../../api/types';
import { Resource } from '../resource';
import { changed, LISTS_EVERY, moved, told, toldAmong } from '../told';

const AT = '2026-11-20T09:05:00Z';
const ATTEMPT = {
  number: 2,
  state: 'running',
  tasks: [{ name: 'train', state: 'running', upstream: [], notebook: true, cell: 1, cells: 9 }]
} as unknown as Attempt;
const RUNNING = run({
  state: 'running',
  ended_at: null,
  cell: 1,
  cells: 9,
  attempts: [{ ...ATTEMPT, number: 1 }, ATTEMPT]
});

function event(kind: GalleyEvent['kind'], data: Record<string, unknown>, subject = 'r-1') {
  return {
    id: 1,
    tenant: 'oncology',
    kind,
    subject,
    pipeline: 'risk',
    data,
    at: AT
  };
}

function progress(cell: number, state = 'running', name = 'train'): GalleyEvent {
  const tasks = { [name]: { state, cell, cells: 9 } };
  return event('run.progress', { attempt: 2, cell, cells: 9, tasks });
}

function change(state: string): GalleyEvent {
  return event('run.changed', { state, reason: 'so', cancel_requested: false });
}

describe('told', () => {
  it('counts the cells of the run and of the tasks of the attempt', () => {
    const now = told(RUNNING, progress(4));
    expect([now.cell, now.cells]).toEqual([4, 9]);
    expect(now.attempts.map(one => one.tasks[0].cell)).toEqual([1, 4]);
    expect(now.attempts[1].tasks[0].notebook).toBe(true);
  });

  it('knows the state, since when it runs and when it ended', () => {
    const queued = { ...RUNNING, state: 'queued', started_at: null } as Run;
    const running = told(queued, change('running'));
    expect(running).toMatchObject({ state: 'running', started_at: AT, ended_at: null });
    const over = told(RUNNING, change('failed'));
    expect(over).toMatchObject({ state: 'failed', state_reason: 'so', ended_at: AT });
    expect(over.started_at).toBe(RUNNING.started_at);
  });

  it('leaves others, and what tells nothing, the very same', () => {
    expect(told(RUNNING, event('log.grew', { size: 1 }))).toBe(RUNNING);
    expect(told({ ...RUNNING, id: 'r-2' }, progress(4))).toMatchObject({ cell: 1 });
    const list = { items: [RUNNING, run({ id: 'r-2' })], cursor: null };
    const among = toldAmong('items');
    expect(among(list, event('run.changed', {}, 'r-3'))).toBe(list);
    const now = among(list, progress(4));
    expect(now.items[0].cell).toBe(4);
    expect(now.items[1]).toBe(list.items[1]);
  });
});

describe('moved', () => {
  it('is for a task in another state, or a new one, not for its cells', () => {
    expect(moved(RUNNING, progress(4))).toBe(false);
    expect(moved(RUNNING, progress(9, 'succeeded'))).toBe(true);
    expect(moved(RUNNING, progress(0, 'running', 'report'))).toBe(true);
  });
});

describe('A list of runs', () => {
  it('shows cells and states as they are told, and is loaded for states only, seldom', async () => {
    jest.useFakeTimers();
    const events = {
      received: new Signal<object, GalleyEvent>({}),
      connectedChanged: new Signal<object, boolean>({})
    };
    const load = jest.fn(() => Promise.resolve({ items: [RUNNING] }));
    const list = new Resource(load).follow(
      events as unknown as EventStream,
      changed,
      LISTS_EVERY,
      toldAmong('items')
    );
    let drawn = 0;
    list.changed.connect(() => (drawn += 1));
    events.received.emit(progress(2));
    await list.refresh();
    for (let cell = 2; cell < 9; cell++) {
      events.received.emit(progress(cell));
      events.received.emit(event('resources.grew', {}));
      await jest.advanceTimersByTimeAsync(1000);
      expect(list.value!.items[0].cell).toBe(cell);
    }
    expect(load).toHaveBeenCalledTimes(1);
    expect(drawn).toBe(2 + 7);
    events.received.emit(change('succeeded'));
    expect(list.value!.items[0].state).toBe('succeeded');
    await jest.advanceTimersByTimeAsync(300);
    expect(load).toHaveBeenCalledTimes(2);
    for (let more = 0; more < 28; more++) {
      events.received.emit(change('succeeded'));
      await jest.advanceTimersByTimeAsync(100);
    }
    expect(load).toHaveBeenCalledTimes(2);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(load).toHaveBeenCalledTimes(3);
    list.dispose();
    jest.useRealTimers();
  });
});
