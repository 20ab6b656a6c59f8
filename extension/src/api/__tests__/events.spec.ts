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
