import { Client } from '../client';
import { Problem } from '../problem';
import { SseParser } from '../sse';
import { withQuery, type ITransport } from '../transport';

interface IAnswer {
  status?: number;
  body?: unknown;
  fail?: string;
}

function recording(answer: IAnswer) {
  const calls: { path: string; init: RequestInit }[] = [];
  const transport: ITransport = {
    url: path => `/api/${path}`,
    fetch: (path, init = {}) => {
      calls.push({ path, init });
      if (answer.fail) {
        return Promise.reject(new TypeError(answer.fail));
      }
      const status = answer.status ?? 200;
      const text = JSON.stringify(answer.body ?? {});
      return Promise.resolve({
        ok: status < 400,
        status,
        statusText: '',
        json: () => Promise.resolve(JSON.parse(text) as unknown),
        text: () => Promise.resolve(text)
      } as Response);
    }
  };
  return { client: new Client(transport), calls };
}

beforeAll(() => {
  Object.defineProperty(globalThis, 'crypto', {
    configurable: true,
    value: { getRandomValues: (array: Uint8Array) => array.fill(10) }
  });
});

describe('Client', () => {
  it('leaves empty filters out of the address and escapes the rest', async () => {
    const { client, calls } = recording({ body: { items: [] } });
    await client.runs('a b', { pipeline: 'x/y', state: '', cursor: null });
    expect(calls[0].path).toBe('tenants/a%20b/runs?pipeline=x%2Fy');
    expect(withQuery('runs', {})).toBe('runs');
  });

  it('gives each creating request a key, and a preview none', async () => {
    const { client, calls } = recording({});
    await client.cancelRun('1');
    await client.previewSchedule('0 6 * * *', 'UTC');
    const header = (index: number) =>
      (calls[index].init.headers as Record<string, string>)['Idempotency-Key'];
    expect(header(0)).toBe('0a'.repeat(16));
    expect(header(1)).toBeUndefined();
  });

  it('throws what the service says', async () => {
    const { client } = recording({
      status: 422,
      body: { code: 'invalid-input', detail: 'bad cron', field: 'schedule.cron' }
    });
    const problem = await client.me().catch((error: unknown) => error as Problem);
    expect(problem).toMatchObject({
      message: 'bad cron',
      status: 422,
      code: 'invalid-input',
      field: 'schedule.cron',
      unreachable: false
    });
  });

  it('tells no answer from a refusal', async () => {
    const { client } = recording({ fail: 'Failed to fetch' });
    const problem = await client.me().catch((error: unknown) => error as Problem);
    expect(problem).toMatchObject({
      status: 0,
      unreachable: true,
      message: 'the connection was refused or cut off'
    });
    const proxied = recording({ status: 503 }).client;
    const away = await proxied.me().catch((error: unknown) => error as Problem);
    expect(away).toMatchObject({ status: 503, unreachable: true });
    expect(away).toHaveProperty('message', expect.stringMatching(/^Galley does not answer /));
  });
});

describe('SseParser', () => {
  it('puts messages together that arrive in pieces', () => {
    const parser = new SseParser();
    expect(parser.push('id: 7\neve')).toEqual([]);
    expect(parser.push('nt: run.changed\ndata: {"a":\ndata: 1}\n\n: still here\n\n')).toEqual([
      { id: '7', event: 'run.changed', data: '{"a":\n1}' }
    ]);
  });

  it('is not misled by a line end that arrives in halves', () => {
    const parser = new SseParser();
    expect(parser.push('event: a\r')).toEqual([]);
    expect(parser.push('\ndata: b\r\n\r\n')).toEqual([{ id: '', event: 'a', data: 'b' }]);
  });

  it('keeps the last id for messages without one', () => {
    const parser = new SseParser();
    const messages = parser.push('id: 1\r\ndata: a\r\n\r\ndata: b\r\n\r\n');
    expect(messages.map(message => [message.id, message.data])).toEqual([
      ['1', 'a'],
      ['1', 'b']
    ]);
  });
});
