/** The one request function. Everything that leaves the browser goes through a transport. */
import { Problem } from './problem';

export interface ITransport {
  /** A request to a path under `/api/v1/`; resolves with any status, rejects without an answer. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** The address of that path, for frames and downloads. */
  url(path: string): string;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') {
      parameters.set(key, String(value));
    }
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

/** One JSON request.
 *
 * @throws Problem - the service refused, or did not answer.
 */
export async function request<T>(
  transport: ITransport,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {}
): Promise<T> {
  const init: RequestInit = { method, headers: { Accept: 'application/json', ...headers } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await transport.fetch(path, init);
  } catch {
    // Each browser has its own words for it, such as “Failed to fetch”.
    throw new Problem('the connection was refused or cut off', 0, 'unreachable');
  }
  if (!response.ok) {
    throw await Problem.of(response);
  }
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** A transport for the standalone page: the browser's session, writes with the XSRF token. */
export class BrowserTransport implements ITransport {
  /** `heard` is told the status of every answer. */
  constructor(
    private readonly root: string,
    private readonly heard: (status: number) => void = () => undefined
  ) {}

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (init.method && init.method !== 'GET') {
      headers.set('X-XSRFToken', cookie('_galley_xsrf'));
    }
    const response = await fetch(this.url(path), { ...init, headers, credentials: 'same-origin' });
    this.heard(response.status);
    return response;
  }

  url(path: string): string {
    return this.root + path;
  }
}

function cookie(name: string): string {
  const found = document.cookie.split('; ').find(part => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : '';
}
