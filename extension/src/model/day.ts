/** The hours around now: which runs fell into them, one lane per pipeline. */
import type { Client } from '../api/client';
import type { Pipeline, Run } from '../api/types';

const HOUR = 3_600_000;
/** How far the window reaches back and ahead, milliseconds. */
export const BACK = 18 * HOUR;
export const AHEAD = 6 * HOUR;
const MOST = 200;

export interface IDay {
  pipelines: Pipeline[];
  /** Newest first. */
  runs: Run[];
}

export interface IWindow {
  start: number;
  end: number;
}

export interface ILane {
  pipeline: Pipeline;
  runs: Run[];
  /** The next firing, where it falls into the window. */
  next: number | null;
}

/** The pipelines and latest runs of several tenants. */
export async function loadDay(client: Client, tenants: readonly string[]): Promise<IDay> {
  const parts = await Promise.all(
    tenants.map(async tenant => {
      const [pipelines, runs] = await Promise.all([
        client.pipelines(tenant, { limit: MOST }),
        client.runs(tenant, { kind: 'pipeline', limit: MOST })
      ]);
      return { pipelines: pipelines.items, runs: runs.items };
    })
  );
  return {
    pipelines: parts.flatMap(part => part.pipelines),
    runs: parts.flatMap(part => part.runs).sort(newestFirst)
  };
}

export function newestFirst(a: { created_at: string }, b: { created_at: string }): number {
  return b.created_at.localeCompare(a.created_at);
}

export function windowAround(now: Date): IWindow {
  return { start: now.getTime() - BACK, end: now.getTime() + AHEAD };
}

/** When a run took place, to `now` where it still does. */
export function span(run: Run, now: Date): IWindow {
  const start = new Date(run.started_at ?? run.created_at).getTime();
  return { start, end: run.ended_at ? new Date(run.ended_at).getTime() : now.getTime() };
}

export function within(run: Run, window: IWindow, now: Date): boolean {
  const { start, end } = span(run, now);
  return end >= window.start && start <= window.end;
}

/** A lane for each pipeline that ran in the window or will, the busiest news first. */
export function lanes(day: IDay, window: IWindow, now: Date): ILane[] {
  const found = day.pipelines.map(pipeline => {
    const at = pipeline.next_firing ? new Date(pipeline.next_firing).getTime() : null;
    return {
      pipeline,
      runs: day.runs.filter(
        run =>
          run.tenant === pipeline.tenant &&
          run.pipeline === pipeline.slug &&
          within(run, window, now)
      ),
      next: at !== null && at >= now.getTime() && at <= window.end ? at : null
    };
  });
  const latest = (lane: ILane): string => lane.runs[0]?.created_at ?? '';
  return found
    .filter(lane => lane.runs.length > 0 || lane.next !== null)
    .sort((a, b) => latest(b).localeCompare(latest(a)));
}

/** The share of the window that lies before `time`, from 0 to 1. */
export function share(time: number, window: IWindow): number {
  return Math.min(1, Math.max(0, (time - window.start) / (window.end - window.start)));
}

/** Full hours of the reader's clock in the window, every `step` hours. */
export function hours(window: IWindow, step: number): Date[] {
  const first = new Date(window.start);
  first.setMinutes(0, 0, 0);
  const marks: Date[] = [];
  for (let at = first; at.getTime() <= window.end; at = new Date(at.getTime() + HOUR)) {
    if (at.getTime() >= window.start && at.getHours() % step === 0) {
      marks.push(at);
    }
  }
  return marks;
}
