import { Signal } from '@lumino/signaling';
import type { EventStream } from '../../api/events';
import { Problem } from '../../api/problem';
import type { GalleyEvent, ILogChunk } from '../../api/types';
import { PagedList } from '../list';
import { LogModel } from '../log';
import { Resource } from '../resource';

class Events {
  readonly received = new Signal<this, GalleyEvent>(this);
  readonly connectedChanged = new Signal<this, boolean>(this);

  get stream(): EventStream {
    return this as unknown as EventStream;
  }

  tell(event: Partial<GalleyEvent>): void {
    this.received.emit(event as GalleyEvent);
  }
}

describe('Resource', () => {
  it('drops an answer that a later request has overtaken', async () => {
    const answers: ((value: string) => void)[] = [];
    const resource = new Resource(() => new Promise<string>(resolve => answers.push(resolve)));
    const first = resource.refresh();
    const second = resource.refresh();
    answers[1]('new');
    await second;
    answers[0]('old');
    await first;
    expect(resource.value).toBe('new');
    expect(resource.loading).toBe(false);
  });

  it('keeps what it shows when a refresh fails, and says why', async () => {
    let fail = false;
    const resource = new Resource(() =>
      fail ? Promise.reject(new Problem('gone', 404, 'not-found')) : Promise.resolve(1)
    );
    await resource.refresh();
    fail = true;
    await resource.refresh();
    expect(resource.value).toBe(1);
    expect(resource.problem?.message).toBe('gone');
    fail = false;
    await resource.refresh();
    expect(resource.problem).toBeNull();
  });

  it('refreshes once for a burst of events that concern it, and when the connection is back', () => {
    jest.useFakeTimers();
    const events = new Events();
    const load = jest.fn(() => Promise.resolve('value'));
    const resource = new Resource(load).follow(events.stream, event => event.subject === 'a');
    resource.set('value');
    events.tell({ subject: 'b' });
    jest.runAllTimers();
    expect(load).toHaveBeenCalledTimes(0);
    events.tell({ subject: 'a' });
    events.tell({ subject: 'a' });
    jest.runAllTimers();
    expect(load).toHaveBeenCalledTimes(1);
    events.connectedChanged.emit(true);
    jest.runAllTimers();
    expect(load).toHaveBeenCalledTimes(2);
    resource.dispose();
    events.tell({ subject: 'a' });
    jest.runAllTimers();
    expect(load).toHaveBeenCalledTimes(2);
    jest.useRealTimers();
  });
});

describe('Resource without an answer', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('asks again, each time later, until there is one', async () => {
    let broken: Problem | null = new Problem('away', 503, 'error');
    const load = jest.fn(() => (broken ? Promise.reject(broken) : Promise.resolve(1)));
    const resource = new Resource<number>(load).follow(new Events().stream);
    await resource.refresh();
    for (const [wait, calls] of [
      [1900, 1],
      [100, 2],
      [3900, 2],
      [100, 3]
    ]) {
      await jest.advanceTimersByTimeAsync(wait);
      expect(load).toHaveBeenCalledTimes(calls);
    }
    broken = null;
    await jest.advanceTimersByTimeAsync(8000);
    expect([resource.value, resource.problem]).toEqual([1, null]);
    await jest.advanceTimersByTimeAsync(600_000);
    expect(load).toHaveBeenCalledTimes(4);
  });

  it('asks no more after a refusal, once it is disposed, or where it follows nothing', async () => {
    for (const [status, follows, disposed] of [
      [404, true, false],
      [503, true, true],
      [503, false, false]
    ] as const) {
      const load = jest.fn(() => Promise.reject(new Problem('no', status, 'error')));
      const resource = new Resource<number>(load);
      if (follows) {
        resource.follow(new Events().stream);
      }
      await resource.refresh();
      if (disposed) {
        resource.dispose();
      }
      await jest.advanceTimersByTimeAsync(600_000);
      expect(load).toHaveBeenCalledTimes(1);
    }
  });

  it('asks as soon as the connection is back, and leaves a refusal as it is', async () => {
    for (const [status, calls] of [
      [503, 2],
      [403, 1]
    ]) {
      const events = new Events();
      const load = jest.fn(() => Promise.reject(new Problem('no', status, 'error')));
      const resource = new Resource<number>(load).follow(events.stream);
      await resource.refresh();
      events.connectedChanged.emit(true);
      await jest.advanceTimersByTimeAsync(300);
      expect(load).toHaveBeenCalledTimes(calls);
      resource.dispose();
    }
  });
});

describe('Resource that much happens to', () => {
  it('refreshes soon after a quiet time, and then seldom', async () => {
    jest.useFakeTimers();
    const events = new Events();
    const load = jest.fn(() => Promise.resolve('value'));
    const resource = new Resource(load).follow(events.stream, () => true, 5000);
    await resource.refresh();
    const within = (time: number): number => {
      load.mockClear();
      for (let passed = 0; passed < time; passed += 100) {
        events.tell({});
        jest.advanceTimersByTime(100);
      }
      return load.mock.calls.length;
    };
    expect(within(4900)).toBe(0);
    expect(within(10_000)).toBe(2);
    jest.advanceTimersByTime(60_000);
    events.tell({});
    jest.advanceTimersByTime(300);
    expect(within(4600)).toBe(0);
    resource.dispose();
    jest.useRealTimers();
  });
});

describe('Resource that is touched from afar', () => {
  it('refreshes seldom for that, and soon for its own', async () => {
    jest.useFakeTimers();
    const events = new Events();
    const load = jest.fn(() => Promise.resolve('value'));
    const resource = new Resource(load).follow(
      events.stream,
      event => event.subject === 'a' || 5000
    );
    await resource.refresh();
    for (let event = 0; event < 100; event++) {
      events.tell({ subject: 'b' });
    }
    jest.advanceTimersByTime(4900);
    expect(load).toHaveBeenCalledTimes(1);
    events.tell({ subject: 'a' });
    jest.advanceTimersByTime(300);
    expect(load).toHaveBeenCalledTimes(2);
    events.tell({ subject: 'b' });
    jest.advanceTimersByTime(4600);
    expect(load).toHaveBeenCalledTimes(2);
    events.tell({ subject: 'a' });
    jest.advanceTimersByTime(300);
    expect(load).toHaveBeenCalledTimes(3);
    jest.advanceTimersByTime(60_000);
    expect(load).toHaveBeenCalledTimes(3);
    resource.dispose();
    jest.useRealTimers();
  });
});

describe('PagedList', () => {
  it('reads on by the cursor and keeps what was read on a refresh', async () => {
    let newest = 3;
    const list = new PagedList<{ id: number }>(cursor => {
      const top = cursor === null ? newest : Number(cursor);
      return Promise.resolve({
        items: [top, top - 1].filter(id => id > 0).map(id => ({ id })),
        next_cursor: top > 2 ? String(top - 2) : null
      });
    });
    const ids = () => list.items.map(item => item.id);
    await list.refresh();
    expect(ids()).toEqual([3, 2]);
    await list.more();
    expect(ids()).toEqual([3, 2, 1]);
    expect(list.hasMore).toBe(false);
    newest = 4;
    await list.refresh();
    expect(ids()).toEqual([4, 3, 2, 1]);
  });
});

describe('LogModel', () => {
  it('continues at its offset when the log grew', async () => {
    let text = 'one\ntw';
    const asked: number[] = [];
    const read = (offset: number): Promise<ILogChunk> => {
      asked.push(offset);
      const end = Math.min(text.length, offset + 4);
      return Promise.resolve({
        text: text.slice(offset, end),
        offset,
        next_offset: end,
        size: text.length,
        ended: false
      });
    };
    const log = new LogModel(read, 'run', new Events().stream);
    await log.pull();
    expect(log.lines).toEqual(['one', 'tw']);
    text += 'o\n';
    await log.pull();
    expect(log.lines).toEqual(['one', 'two', '']);
    expect(asked).toEqual([0, 4, 6]);
  });
});
