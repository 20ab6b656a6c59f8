/** What an attempt's tasks use: read once, then only what is new when an event says so. */
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import { Problem } from '../api/problem';
import type { EventStream } from '../api/events';
import type { AttemptUsage, GalleyEvent, Usage } from '../api/types';
import type { IChanging } from './resource';

export type UsageReader = (after: string | null) => Promise<AttemptUsage>;

export class UsageModel implements IDisposable, IChanging {
  constructor(
    private readonly read: UsageReader,
    private readonly runId: string,
    events: EventStream
  ) {
    events.received.connect(this.onEvent, this);
    events.connectedChanged.connect(this.onConnected, this);
  }

  value: AttemptUsage | null = null;
  problem: Problem | null = null;

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

  /** Read what is new; calls that overlap join. */
  async pull(): Promise<void> {
    if (this.pulling) {
      this.again = true;
      return;
    }
    this.pulling = true;
    try {
      do {
        this.again = false;
        const fresh = await this.read(latest(this.value));
        this.value = joined(this.value, fresh);
      } while (this.again && !this._disposed);
      this.problem = null;
    } catch (error) {
      this.problem = Problem.from(error);
    } finally {
      this.pulling = false;
      if (!this._disposed) {
        this._changed.emit();
      }
    }
  }

  private onEvent(_: EventStream, event: GalleyEvent): void {
    const moved = event.kind === 'resources.grew' || event.kind === 'run.changed';
    if (moved && event.subject === this.runId) {
      void this.pull();
    }
  }

  private onConnected(_: EventStream, connected: boolean): void {
    if (connected) {
      void this.pull();
    }
  }

  private pulling = false;
  private again = false;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

/** The time of the newest point of any task; null without points. */
export function latest(usage: AttemptUsage | null): string | null {
  const times = (usage?.tasks ?? []).flatMap(task => task.points.at(-1)?.at ?? []);
  return times.length ? times.reduce((a, b) => (a > b ? a : b)) : null;
}

export function joined(before: AttemptUsage | null, fresh: AttemptUsage): AttemptUsage {
  const known = new Map((before?.tasks ?? []).map(task => [task.task, task.points]));
  return {
    ...fresh,
    tasks: fresh.tasks.map(task => ({
      ...task,
      points: [...(known.get(task.task) ?? []), ...task.points]
    }))
  };
}

/** One value over time; `seconds` since the task's first point. */
export interface ISample {
  seconds: number;
  value: number;
}

export function memoryOf(points: readonly Usage[]): ISample[] {
  return points.map(point => ({ seconds: since(points, point), value: point.memory }));
}

/** Busy cores between each two points; 0 where the task began anew. */
export function cpuOf(points: readonly Usage[]): ISample[] {
  return points.slice(1).map((point, index) => {
    const before = points[index];
    const seconds = (Date.parse(point.at) - Date.parse(before.at)) / 1000;
    const spent = Math.max(0, point.cpu_s - before.cpu_s);
    return { seconds: since(points, point), value: seconds > 0 ? spent / seconds : 0 };
  });
}

function since(points: readonly Usage[], point: Usage): number {
  return (Date.parse(point.at) - Date.parse(points[0].at)) / 1000;
}

/**
 * The top of a chart: the limit, unless what is used is far below it and would be a flat line.
 * Whether the limit is in sight comes with it.
 */
export function topOf(
  samples: readonly ISample[],
  limit: number
): { top: number; limited: boolean } {
  const most = Math.max(0, ...samples.map(sample => sample.value));
  if (most >= limit / 5) {
    return { top: Math.max(limit, most) * 1.08, limited: true };
  }
  return { top: most > 0 ? most * 1.25 : limit, limited: most === 0 };
}

/** At most `count` samples, the largest of each share: what a table can hold. */
export function thinned(samples: readonly ISample[], count: number): ISample[] {
  if (samples.length <= count) {
    return [...samples];
  }
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * samples.length) / count);
    const to = Math.floor(((index + 1) * samples.length) / count);
    return samples.slice(from, to).reduce((a, b) => (b.value > a.value ? b : a));
  });
}
