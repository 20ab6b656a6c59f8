/** Split plans for tests. */
import type { PlannedTask, Proof, SplitPlan } from '../api/types';

export function task(
  name: string,
  cells: number[],
  changes: Partial<PlannedTask> = {}
): PlannedTask {
  return {
    name,
    title: '',
    cells,
    upstream: [],
    fragments: [],
    parameters: [],
    loads: [],
    saves: [],
    states: [],
    ...changes
  };
}

/** load → clean → train, where train also waits for a file of load. */
export function plan(changes: Partial<SplitPlan> = {}): SplitPlan {
  const tasks = [
    task('load', [0, 1, 2], { title: 'Load' }),
    task('clean', [3, 4], { title: 'Clean', upstream: ['load'] }),
    task('train', [5], { title: 'Train', upstream: ['clean', 'load'] })
  ];
  return {
    source: 'headings',
    wished: { tasks: tasks.map(({ name, title, cells }) => ({ name, title, cells })) },
    tasks,
    crossings: [
      { producer: 'load', consumer: 'clean', name: 'df' },
      { producer: 'clean', consumer: 'train', name: 'X' },
      { producer: 'clean', consumer: 'train', name: 'y' }
    ],
    order: [['load', 'train']],
    merges: [],
    reason: null,
    ...changes
  };
}

export function proof(changes: Partial<Proof> = {}): Proof {
  return {
    format: 1,
    state: 'equal',
    plan: plan({
      crossings: [
        { producer: 'load', consumer: 'clean', name: 'df', type: 'pandas.DataFrame', size: 2048 }
      ]
    }),
    tries: [{ tasks: ['load', 'clean', 'train'], reused: [], differences: [], duration_s: 14 }],
    unstable: [],
    drawing: [],
    variables: 12,
    outputs: 5,
    files: 1,
    plain_s: [10, 11],
    kernels: ['forked'],
    reason: null,
    ...changes
  };
}
