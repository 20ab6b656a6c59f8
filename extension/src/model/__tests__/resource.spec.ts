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
  /** The service has the items, newest first; `asked` has how many were asked for. */
  function listed(count: number, size = 2) {
    const items = Array.from({ length: count }, (_, index) => ({ id: count - index, state: 'on' }));
    const asked: number[] = [];
    const service = { items, asked, down: false };
    const list = new PagedList<{ id: number; state: string }>((cursor, limit) => {
      asked.push(limit);
      if (service.down) {
        return Promise.reject(new Problem('away', 503, 'error'));
      }
      const from = service.items.findIndex(one => String(one.id) === cursor) + 1;
      const page = service.items.slice(from, from + limit);
      const more = from + limit < service.items.length;
      return Promise.resolve({ items: page, next_cursor: more ? String(page.at(-1)!.id) : null });
    }, size);
    return { list, service, ids: () => list.items.map(item => item.id) };
  }

  it('shows of every page that is seen what it holds now', async () => {
    const { list, service, ids } = listed(5);
    await list.refresh();
    expect(ids()).toEqual([5, 4]);
    await list.more();
    expect(ids()).toEqual([5, 4, 3, 2]);
    service.items = [{ id: 6, state: 'on' }, ...service.items.filter(one => one.id !== 4)];
    service.items.find(one => one.id === 3)!.state = 'ended';
    await list.refresh();
    expect(ids()).toEqual([6, 5, 3, 2]);
    expect(list.items[2].state).toBe('ended');
    expect(list.hasMore).toBe(true);
    await list.more();
    expect(ids()).toEqual([6, 5, 3, 2, 1]);
    expect(list.hasMore).toBe(false);
    expect(service.asked).toEqual([2, 4, 4, 6]);
  });

  it('asks for no more at once than the service gives', async () => {
    const { list, service, ids } = listed(500, 150);
    await list.refresh();
    await list.more();
    expect(service.asked).toEqual([150, 200, 100]);
    expect(ids()).toHaveLength(300);
  });

  it('says that more is on its way, or did not come, and keeps what is there', async () => {
    const { list, service, ids } = listed(5);
    await list.refresh();
    service.down = true;
    const asking = list.more();
    expect([list.wantsMore, list.loading]).toEqual([true, true]);
    void list.more();
    await asking;
    expect(service.asked).toHaveLength(2);
    expect(ids()).toEqual([5, 4]);
    expect([list.wantsMore, list.loading]).toEqual([true, false]);
    expect(list.problem?.message).toBe('away');
    service.down = false;
    await list.more();
    expect(ids()).toEqual([5, 4, 3, 2]);
    expect(list.wantsMore).toBe(false);
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
