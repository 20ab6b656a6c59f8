/** The error of every request: what the service says about it (RFC 9457), or why there was no answer. */

export interface IProblemBody {
  code?: string;
  title?: string;
  detail?: string;
  status?: number;
  field?: string;
  data?: Record<string, unknown>;
}

/** What a proxy says in place of the service, which would say it in words of its own. */
const UNANSWERED: Record<number, string | undefined> = {
  502: 'Galley does not answer properly (502). It may be starting again.',
  503: 'Galley does not answer at the moment (503). It may be starting again.',
  504: 'Galley takes too long to answer (504). It may be starting again.'
};

export class Problem extends Error {
  constructor(
    detail: string,
    readonly status: number,
    readonly code: string,
    readonly field: string | null = null,
    readonly data: Record<string, unknown> = {}
  ) {
    super(detail);
    this.name = 'Problem';
  }

  /** Whether no answer came at all: trying again is right. */
  get unreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }

  /** Whether nothing is there by that name, or can be: trying again is of no use. */
  get absent(): boolean {
    return this.status === 404 || (this.status === 422 && /_id$/.test(this.field ?? ''));
  }

  static async of(response: Response): Promise<Problem> {
    const text = await response.text();
    const body = parse(text);
    const detail =
      body.detail ??
      body.title ??
      UNANSWERED[response.status] ??
      `${response.status} ${response.statusText || 'error'}`;
    return new Problem(
      detail,
      response.status,
      body.code ?? 'error',
      body.field ?? null,
      body.data ?? {}
    );
  }

  static from(error: unknown): Problem {
    if (error instanceof Problem) {
      return error;
    }
    return new Problem(error instanceof Error ? error.message : String(error), 0, 'unreachable');
  }
}

function parse(text: string): IProblemBody {
  try {
    const value = JSON.parse(text) as IProblemBody & { message?: string };
    if (typeof value !== 'object' || value === null) {
      return {};
    }
    return typeof value.detail === 'string' ? value : { ...value, detail: value.message };
  } catch {
    return {};
  }
}
