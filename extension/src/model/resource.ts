/** Something of the service that a page shows: its value, whether it loads, and what went wrong. */
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import { Problem } from '../api/problem';
import type { EventStream } from '../api/events';
import type { GalleyEvent } from '../api/types';

/** Events that come in a burst lead to one request, milliseconds. */
const COALESCE = 300;
/** What did not answer is asked again after this, and each time after twice as long, milliseconds. */
const FIRST_RETRY = 2000;
const LONGEST_RETRY = 30000;

export interface IChanging {
  readonly changed: ISignal<unknown, void>;
}

export class Resource<T> implements IDisposable, IChanging {
  constructor(private load: () => Promise<T>) {}

  value: T | null = null;
  problem: Problem | null = null;
  loading = false;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    clearTimeout(this.timer);
    clearTimeout(this.retry);
    Signal.clearData(this);
  }

  /**
   * Refresh when an event concerns this resource, and when a lost connection is back; at most once
   * in `every` milliseconds. `concerns` may say how many for one event: seldom for what touches it
   * from afar. Without it, only the connection is followed.
   * `told` gives the value as an event tells it, or the very same: that is shown without asking.
   */
  follow(
    events: EventStream,
    concerns: (event: GalleyEvent) => boolean | number = () => false,
    every = COALESCE,
    told?: (value: T, event: GalleyEvent) => T
  ): this {
    this.following = true;
    this.every = every;
    events.received.connect(this.onEvent, this);
    events.connectedChanged.connect(this.onConnected, this);
    this.concerns = concerns;
    if (told) {
      this.told = event => (this.value === null ? null : told(this.value, event));
    }
    return this;
  }

  /**
   * Load again; an answer that a later request has overtaken is dropped. Where there is none, what
   * follows the events asks again by itself, as its page promises.
   */
  async refresh(): Promise<void> {
    const turn = ++this.turn;
    clearTimeout(this.retry);
    this.asked = Date.now();
    this.loading = true;
    this._changed.emit();
    try {
      const value = await this.load();
      if (turn === this.turn && !this._disposed) {
        this.value = value;
        this.problem = null;
        this.retryAfter = FIRST_RETRY;
      }
    } catch (error) {
      if (turn === this.turn && !this._disposed) {
        this.problem = Problem.from(error);
        this.retryLater();
      }
    }
    if (turn === this.turn && !this._disposed) {
      this.loading = false;
      this._changed.emit();
    }
  }

  /** Load something else from now on. */
  reload(load: () => Promise<T>): Promise<void> {
    this.load = load;
    return this.refresh();
  }

  /** Take a value that a write has just returned. */
  set(value: T): void {
    this.turn += 1;
    clearTimeout(this.retry);
    this.value = value;
    this.problem = null;
    this.loading = false;
    this._changed.emit();
  }

  private onEvent(_: EventStream, event: GalleyEvent): void {
    const every = this.concerns(event);
    if (every !== false) {
      this.refreshSoon(every === true ? this.every : every);
    }
    const told = this.told(event);
    if (told !== this.value) {
      this.value = told;
      this._changed.emit();
    }
  }

  private onConnected(_: EventStream, connected: boolean): void {
    if (connected && (this.value !== null || this.problem?.unreachable)) {
      this.refreshSoon(this.every);
    }
  }

  private retryLater(): void {
    if (this.following && this.problem?.unreachable) {
      this.retry = setTimeout(() => void this.refresh(), this.retryAfter);
      this.retryAfter = Math.min(2 * this.retryAfter, LONGEST_RETRY);
    }
  }

  private refreshSoon(every: number): void {
    const now = Date.now();
    const due = Math.max(now + COALESCE, this.asked + every);
    if (this.timer !== undefined && this.due <= due) {
      return;
    }
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.refresh();
    }, due - now);
  }

  private told: (event: GalleyEvent) => T | null = () => this.value;
  private concerns: (event: GalleyEvent) => boolean | number = () => false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private retryAfter = FIRST_RETRY;
  private following = false;
  private turn = 0;
  private every = COALESCE;
  /** When it was asked for last, and when it is asked for next. */
  private asked = 0;
  private due = 0;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
