/** @jest-environment node */
import { EventStream } from '../events';
import type { ITransport } from '../transport';
import type { GalleyEvent } from '../types';

/** Node's own: it is not faked, so that streams go on. */
declare function setImmediate(then: (nothing: unknown) => void): void;

jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });

/** Each connection sends its text and ends. */
class Connections implements ITransport {
  readonly asked: (string | null)[] = [];

  constructor(private readonly texts: (string | number | null)[]) {}

  fetch(_: string, init: RequestInit = {}): Promise<Response> {
    const headers = init.headers as Record<string, string>;
    this.asked.push(headers['Last-Event-ID'] ?? null);
    const text = this.texts.shift();
    if (text === undefined || text === null) {
      return Promise.reject(new TypeError('Failed to fetch'));
    }
    return Promise.resolve(
      typeof text === 'number' ? new Response('', { status: text }) : new Response(text)
    );
  }

  url(path: string): string {
    return `${this.texts.length}/${path}`;
  }
}

/** Connections that stay open and say only what they are told to. */
class OpenConnections implements ITransport {
  readonly asked: (string | null)[] = [];
  readonly aborted: number[] = [];
  private say: (text: string) => void = () => undefined;

  fetch(_: string, init: RequestInit = {}): Promise<Response> {
    const headers = init.headers as Record<string, string>;
    const number = this.asked.push(headers['Last-Event-ID'] ?? null);
    const body = new ReadableStream<Uint8Array>({
      start: controller => {
        this.say = text => controller.enqueue(new TextEncoder().encode(text));
        init.signal!.addEventListener('abort', () => {
          this.aborted.push(number);
          controller.error(new Error('aborted'));
        });
      }
    });
    return Promise.resolve(new Response(body));
  }

  async hear(text: string): Promise<void> {
    this.say(text);
    await settle();
  }

  url(): string {
    return 'open';
  }
}

async function pass(milliseconds: number): Promise<void> {
  jest.advanceTimersByTime(milliseconds);
  await settle();
}

function message(id: number): string {
  return `id: ${id}\nevent: run.changed\ndata: ${JSON.stringify({ id, kind: 'run.changed' })}\n\n`;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) {
    await new Promise(resolve => setImmediate(resolve));
  }
}

describe('EventStream', () => {
  it('resumes after the last event and says while it is cut off', async () => {
    const connections = new Connections([message(7), null, 503, message(8)]);
    const stream = new EventStream(connections);
    const [ids, connected]: [number[], boolean[]] = [[], []];
    stream.received.connect((_, event: GalleyEvent) => void ids.push(event.id));
    stream.connectedChanged.connect((_, now) => void connected.push(now));
    await settle();
    expect(ids).toEqual([7]);
    for (let turn = 0; turn < 3; turn++) {
      jest.advanceTimersByTime(4000);
      await settle();
    }
    stream.dispose();
    expect(ids).toEqual([7, 8]);
    expect(connections.asked.slice(0, 4)).toEqual([null, '7', '7', '7']);
    expect(connected.slice(0, 4)).toEqual([true, false, true, false]);
  });
});

describe('EventStream on a connection that is dead but open', () => {
  it('is given up after a silence, and resumes where it was', async () => {
    const connections = new OpenConnections();
    const stream = new EventStream(connections);
    const connected: boolean[] = [];
    stream.connectedChanged.connect((_, now) => void connected.push(now));
    await settle();
    await connections.hear(message(7));
    for (let beat = 0; beat < 8; beat++) {
      await pass(15_000);
      await connections.hear(': still here\n\n');
    }
    expect(connections.asked).toEqual([null]);
    await pass(39_000);
    expect(stream.connected).toBe(true);
    await pass(1000);
    expect(connections.aborted).toEqual([1]);
    expect(stream.connected).toBe(false);
    await pass(1000);
    expect(connections.asked).toEqual([null, '7']);
    expect(connected).toEqual([true, false, true]);
    stream.dispose();
  });

  it('is given up, too, where no answer begins', async () => {
    const asked: AbortSignal[] = [];
    const stream = new EventStream({
      url: () => 'mute',
      fetch: (_, init) =>
        new Promise((_resolve, reject) => {
          asked.push(init!.signal!);
          init!.signal!.addEventListener('abort', () => reject(new Error('aborted')));
        })
    });
    await settle();
    await pass(40_000);
    expect(asked[0].aborted).toBe(true);
    await pass(2000);
    expect(asked).toHaveLength(2);
    stream.dispose();
    expect(asked[1].aborted).toBe(true);
  });
});

describe('EventStream of a tab that is looked at again', () => {
  const [page, tab] = [new EventTarget(), new EventTarget()];
  beforeAll(() => Object.assign(globalThis, { window: page, document: tab }));
  afterAll(() => {
    Reflect.deleteProperty(globalThis, 'window');
    Reflect.deleteProperty(globalThis, 'document');
  });

  it('asks anew after a beat was missed, and waits no longer', async () => {
    const connections = new OpenConnections();
    const stream = new EventStream(connections);
    await settle();
    await pass(15_000);
    tab.dispatchEvent(new Event('visibilitychange'));
    await settle();
    expect(connections.aborted).toEqual([]);
    await pass(6000);
    page.dispatchEvent(new Event('online'));
    await settle();
    expect(connections.aborted).toEqual([1]);
    expect(stream.connected).toBe(false);
    page.dispatchEvent(new Event('online'));
    await settle();
    expect(connections.asked).toHaveLength(2);
    stream.dispose();
    await pass(60_000);
    page.dispatchEvent(new Event('online'));
    await settle();
    expect(connections.asked).toHaveLength(2);
  });
});

describe('EventStream of several tabs', () => {
  /** One lock: whoever holds it keeps it until released. */
  const queue: (() => Promise<void>)[] = [];
  const locks = {
    request: (_: string, __: unknown, work: () => Promise<void>): Promise<void> => {
      if (queue.push(work) === 1) {
        void work();
      }
      return Promise.resolve();
    }
  };
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  beforeAll(() => {
    Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
  });
  afterAll(() => {
    if (before) {
      Object.defineProperty(globalThis, 'navigator', before);
    } else {
      Reflect.deleteProperty(globalThis, 'navigator');
    }
  });

  it('tells all of them of a silence, be it of the service or of the tab that leads', async () => {
    const connections = new OpenConnections();
    const leader = new EventStream(connections);
    await settle();
    const follower = new EventStream(connections);
    const connected: boolean[] = [];
    follower.connectedChanged.connect((_, now) => void connected.push(now));
    await settle();
    await pass(15_000);
    await connections.hear(': still here\n\n');
    await pass(39_000);
    expect(connected).toEqual([true]);
    await pass(1000);
    await pass(1000);
    expect(connected).toEqual([true, false, true]);
    // A frozen tab says nothing, not even that it is.
    leader.dispose();
    await pass(40_000);
    expect(connected).toEqual([true, false, true, false]);
    expect(connections.asked).toHaveLength(2);
    void queue[1]();
    await settle();
    expect(connections.asked).toHaveLength(3);
    expect(follower.connected).toBe(true);
    follower.dispose();
  });
});
