/** The log of one attempt: read by offsets, continued when an event says that it grew. */
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import { Problem } from '../api/problem';
import type { EventStream } from '../api/events';
import type { GalleyEvent, ILogChunk } from '../api/types';
import type { IChanging } from './resource';

/** Where it starts reading a long log: its end is what matters. */
const TAIL = 1_000_000;
/** The service reads no less than this at a time, bytes. */
const LEAST = 4;
/** Lines kept for showing while it grows; earlier ones are loaded again when asked for. */
export const MOST_LINES = 50_000;
/** Bytes of a log that a search reads: what a browser holds with ease. */
export const SEARCHED = 64 * 2 ** 20;

export type LogReader = (offset: number, limit?: number) => Promise<ILogChunk>;

export class LogModel implements IDisposable, IChanging {
  constructor(
    private readonly read: LogReader,
    private readonly runId: string,
    events: EventStream
  ) {
    events.received.connect(this.onEvent, this);
    events.connectedChanged.connect(this.onConnected, this);
  }

  lines: string[] = [''];
  /** Bytes before the first line shown. */
  skipped = 0;
  ended = false;
  started = false;
  problem: Problem | null = null;
  loadingEarlier = false;
  /** Bytes that reading earlier ones has still before it. */
  toGo = 0;

  /** Bytes from the first line shown to the last. */
  get held(): number {
    return this.offset - this.skipped;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    Signal.clearData(this);
  }

  /** Read what there is; calls that overlap join. */
  async pull(): Promise<void> {
    if (this.pulling) {
      this.again = true;
      return;
    }
    this.pulling = true;
    try {
      do {
        this.again = false;
        await this.readOn();
      } while (this.again && !this._disposed);
      this.problem = null;
    } catch (error) {
      this.problem = Problem.from(error);
    } finally {
      this.pulling = false;
      this.started = true;
      if (!this._disposed) {
        this._changed.emit();
      }
    }
  }

  /** Read at most so many bytes before the first line shown, and keep them. */
  async earlier(most = TAIL): Promise<void> {
    if (this.loadingEarlier || this.skipped === 0 || most <= 0) {
      return;
    }
    this.loadingEarlier = true;
    const end = Math.max(0, this.skipped - most);
    const pieces: string[] = [];
    let from = this.skipped;
    try {
      while (from > end && !this._disposed) {
        this.toGo = from - end;
        this._changed.emit();
        const begin = Math.max(end, from - TAIL);
        const chunk = await this.read(begin, Math.max(LEAST, from - begin));
        pieces.unshift(chunk.text);
        from = begin;
      }
      this.problem = null;
    } catch (error) {
      this.problem = Problem.from(error);
    } finally {
      // All at once: lines are split and searched anew with each change.
      this.prepend(pieces.join(''), from);
      this.loadingEarlier = false;
      this.toGo = 0;
      if (!this._disposed) {
        this._changed.emit();
      }
    }
  }

  private async readOn(): Promise<void> {
    for (;;) {
      const chunk = await this.read(this.offset);
      if (this._disposed) {
        return;
      }
      if (!this.started && this.offset === 0 && chunk.size > 2 * TAIL) {
        this.skipped = this.offset = chunk.size - TAIL;
        this.started = true;
        continue;
      }
      this.append(chunk.text);
      this.ended = chunk.ended;
      const grew = chunk.next_offset > this.offset;
      this.offset = chunk.next_offset;
      this._changed.emit();
      if (!grew || this.offset >= chunk.size) {
        return;
      }
    }
  }

  private prepend(text: string, from: number): void {
    const [first, ...rest] = this.lines;
    const parts = text.split('\n');
    const joint = parts.pop() + first;
    this.lines = parts.concat(joint, rest);
    this.most = Math.max(this.most, this.lines.length + MOST_LINES);
    this.skipped = from;
  }

  private append(text: string): void {
    const parts = text.split('\n');
    const last = this.lines.length - 1;
    this.lines = [...this.lines.slice(0, last), this.lines[last] + parts[0], ...parts.slice(1)];
    // While earlier ones are read, they must meet the first line that is kept.
    if (this.lines.length > this.most && !this.loadingEarlier) {
      const gone = this.lines.slice(0, -this.most);
      this.lines = this.lines.slice(-this.most);
      this.skipped += new Blob([`${gone.join('\n')}\n`]).size;
    }
  }

  private onEvent(_: EventStream, event: GalleyEvent): void {
    const grew = event.kind === 'log.grew' || event.kind === 'run.changed';
    if (grew && event.subject === this.runId) {
      void this.pull();
    }
  }

  private onConnected(_: EventStream, connected: boolean): void {
    if (connected) {
      void this.pull();
    }
  }

  private offset = 0;
  private most = MOST_LINES;
  private pulling = false;
  private again = false;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
