/** What an event itself tells of runs: shown at once, and mostly nothing has to be asked for. */
import type { GalleyEvent, Run, RunState, TaskTry } from '../api/types';
import { ended } from './words';

/** How often what shows many runs is loaded anew, milliseconds: their states come with events. */
export const LISTS_EVERY = 3000;

/** Whether more than a count of cells or bytes moved. */
export function changed(event: GalleyEvent): boolean {
  return event.kind.endsWith('.changed');
}

interface IProgress {
  attempt: number;
  cell: number | null;
  cells: number | null;
  tasks: Record<string, Pick<TaskTry, 'state' | 'cell' | 'cells'>>;
}

interface IChange {
  state: RunState;
  reason: string | null;
  cancel_requested: boolean;
}

/** The run as of the event; the very same where the event is not of it or tells nothing. */
export function told(run: Run, event: GalleyEvent): Run {
  if (event.subject !== run.id) {
    return run;
  }
  if (event.kind === 'run.progress') {
    const { attempt, cell, cells, tasks } = event.data as unknown as IProgress;
    const attempts = run.attempts?.map(one =>
      one.number === attempt
        ? { ...one, tasks: one.tasks?.map(task => ({ ...task, ...tasks[task.name] })) }
        : one
    );
    return { ...run, cell, cells, attempts };
  }
  if (event.kind === 'run.changed') {
    const { state, reason, cancel_requested } = event.data as unknown as IChange;
    const started = run.started_at ?? (state === 'running' ? event.at : null);
    const over = ended(state) ? (run.ended_at ?? event.at) : null;
    return {
      ...run,
      state,
      state_reason: reason,
      cancel_requested,
      started_at: started,
      ended_at: over
    };
  }
  return run;
}

/** What holds runs, with them as of the event; the very same where it tells of none of them. */
export function toldAmong<K extends string, T extends Record<K, Run[]>>(
  key: K
): (value: T, event: GalleyEvent) => T {
  return (value, event) => {
    const runs = value[key].map(run => told(run, event));
    return runs.some((run, index) => run !== value[key][index]) ? { ...value, [key]: runs } : value;
  };
}

/** Whether a task is in another state than is known; its count of cells alone does not matter. */
export function moved(run: Run | null, event: GalleyEvent): boolean {
  const { attempt, tasks } = event.data as unknown as IProgress;
  const known = run?.attempts?.find(one => one.number === attempt)?.tasks ?? [];
  return Object.entries(tasks).some(
    ([name, { state }]) => known.find(task => task.name === name)?.state !== state
  );
}
