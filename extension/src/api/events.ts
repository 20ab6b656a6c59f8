/**
 * Live events: one stream per browser, shared by its tabs, resumed where it broke.
 *
 * Whoever holds the lock `galley-events:URL` reads the stream and passes it on over a
 * BroadcastChannel; when that tab closes, the next one takes over. Without a secure context there
 * are no locks, and each tab has a stream of its own.
 */
import { Signal, type ISignal } from '@lumino/signaling';
import type { IDisposable } from '@lumino/disposable';
import { SseParser } from './sse';
import type { ITransport } from './transport';
import type { GalleyEvent } from './types';

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30000;
/** The service says something every 15 s: after one beat that is missed, a look is worth it. */
const LATE = 20000;
/** After two of them the connection is dead, though proxy and browser may keep it open for ever. */
const SILENCE = 40000;

type Shared = { event?: GalleyEvent; connected?: boolean; ask?: true; check?: true };

export class EventStream implements IDisposable {
  constructor(private readonly transport: ITransport) {
    const name = `galley-events:${transport.url('events')}`;
    if (typeof navigator !== 'undefined' && navigator.locks && 'BroadcastChannel' in globalThis) {
      this.channel = new BroadcastChannel(name);
      this.channel.onmessage = message => this.hear(message.data as Shared);
      this.channel.postMessage({ ask: true } satisfies Shared);
      navigator.locks
        .request(name, { signal: this.ended.signal }, () => this.lead())
        .catch(() => undefined);
    } else {
      void this.lead();
    }
    if (typeof window !== 'undefined') {
      window.addEventListener('online', this.look);
      document.addEventListener('visibilitychange', this.look);
    }
  }

  /** An event of any tenant that the caller is a member of. */
  get received(): ISignal<this, GalleyEvent> {
    return this._received;
  }

  /** The connection was lost (false) or is back (true): what was shown may be stale then. */
  get connectedChanged(): ISignal<this, boolean> {
    return this._connectedChanged;
  }

  get connected(): boolean {
    return this._connected;
  }

  get isDisposed(): boolean {
    return this.ended.signal.aborted;
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.ended.abort();
      this.connection?.abort();
      this.hurry();
      clearTimeout(this.watchdog);
      this.channel?.close();
      if (typeof window !== 'undefined') {
        window.removeEventListener('online', this.look);
        document.removeEventListener('visibilitychange', this.look);
      }
      Signal.clearData(this);
    }
  }

  private hear(message: Shared): void {
    if (message.ask && this.leading) {
      this.channel?.postMessage({ connected: this._connected } satisfies Shared);
    }
    if (message.check && this.leading) {
      this.check();
    }
    if (message.connected !== undefined) {
      this.watch();
      this.setConnected(message.connected);
    }
    if (message.event) {
      this._received.emit(message.event);
    }
  }

  private tell(message: Shared): void {
    if (!this.isDisposed) {
      this.channel?.postMessage(message);
      this.hear(message);
    }
  }

  private async lead(): Promise<void> {
    this.leading = true;
    // Of a tab that led before this one: what came since, nobody has heard.
    this.tell({ connected: false });
    let wait = FIRST_WAIT;
    while (!this.isDisposed) {
      const answered = await this.read().catch(() => false);
      wait = answered ? FIRST_WAIT : Math.min(wait * 2, LONGEST_WAIT);
      if (!this.isDisposed) {
        this.tell({ connected: false });
        await this.pause(wait);
      }
    }
  }

  /** Read one connection to its end; whether the service answered at all. */
  private async read(): Promise<boolean> {
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (this.lastId) {
      headers['Last-Event-ID'] = this.lastId;
    }
    const { signal } = (this.connection = new AbortController());
    this.watch();
    const response = await this.transport.fetch('events', { headers, signal });
    if (!response.ok || !response.body) {
      return false;
    }
    this.tell({ connected: true });
    const parser = new SseParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          return true;
        }
        this.tell({ connected: true });
        for (const message of parser.push(value)) {
          this.lastId = message.id || this.lastId;
          this.tell({ event: JSON.parse(message.data) as GalleyEvent });
        }
      }
    } catch {
      return true;
    }
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, milliseconds);
      this.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Something was heard: a silence begins. */
  private watch(): void {
    clearTimeout(this.watchdog);
    this.heard = Date.now();
    this.watchdog = setTimeout(() => this.giveUp(), SILENCE);
  }

  /** Too long a silence: of the service where this tab reads, else of the tab that does. */
  private giveUp(): void {
    if (this.leading) {
      this.connection?.abort();
    } else {
      this.setConnected(false);
    }
  }

  /** Whether the connection holds, asked when that may have changed: nobody waits longer then. */
  private check(): void {
    if (Date.now() - this.heard > LATE) {
      this.giveUp();
    }
    this.hurry();
  }

  /** The tab is looked at again, or there is a network again, as after the machine has slept. */
  private readonly look = (): void => {
    if (!document.hidden) {
      this.channel?.postMessage({ check: true } satisfies Shared);
      this.check();
    }
  };

  private setConnected(connected: boolean): void {
    if (connected !== this._connected) {
      this._connected = connected;
      this._connectedChanged.emit(connected);
    }
  }

  private readonly ended = new AbortController();
  private readonly channel: BroadcastChannel | null = null;
  private leading = false;
  private connection: AbortController | null = null;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  /** When something was heard last. */
  private heard = 0;
  /** Ends a pause. */
  private hurry: () => void = () => undefined;
  private lastId = '';
  private _connected = false;
  private readonly _received = new Signal<this, GalleyEvent>(this);
  private readonly _connectedChanged = new Signal<this, boolean>(this);
}
