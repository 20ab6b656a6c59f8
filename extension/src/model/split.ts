/** The author's arrangement of cells into tasks, and what crosses between tasks. */
import type { Crossing, Evidence, SplitLayout, SplitPlan, TaskLayout } from '../api/types';

/** The arrangement that the editor shows: what was wished, or the tasks as they are. */
export function arrangement(plan: SplitPlan): SplitLayout {
  const wished = plan.wished?.tasks ?? [];
  return wished.length > 0
    ? { tasks: wished }
    : { tasks: plan.tasks.map(({ name, title, cells }) => ({ name, title, cells })) };
}

/** All cells in one task: no split. */
export function oneTask(layout: SplitLayout): SplitLayout {
  const [first] = layout.tasks;
  const cells = layout.tasks.flatMap(task => task.cells).sort((a, b) => a - b);
  return { tasks: [{ name: first.name, title: first.title ?? '', cells }] };
}

/** The task at `index` and the next one as one, under the name of the first. */
export function merge(layout: SplitLayout, index: number): SplitLayout {
  const [first, second] = [layout.tasks[index], layout.tasks[index + 1]];
  const merged = { ...first, cells: [...first.cells, ...second.cells] };
  return {
    tasks: [...layout.tasks.slice(0, index), merged, ...layout.tasks.slice(index + 2)]
  };
}

/** The task at `index` under another title, and the name that follows from it. */
export function rename(layout: SplitLayout, index: number, title: string): SplitLayout {
  const taken = layout.tasks.filter((_, at) => at !== index).map(task => task.name);
  return replace(layout, index, { name: free(identifier(title), taken), title: title.trim() });
}

/** Where the boundary behind the task at `index` can go: one cell up or down; null where it cannot. */
export function movable(
  layout: SplitLayout,
  index: number
): { up: number | null; down: number | null } {
  const [above, below] = [layout.tasks[index].cells, layout.tasks[index + 1]?.cells ?? []];
  return {
    // A task needs at least one cell.
    up: above.length > 1 ? above[above.length - 1] : null,
    down: below.length > 1 ? below[0] : null
  };
}

/** The boundary behind the task at `index`, one cell up or down. */
export function move(layout: SplitLayout, index: number, way: 'up' | 'down'): SplitLayout {
  const [above, below] = [layout.tasks[index].cells, layout.tasks[index + 1].cells];
  const cells =
    way === 'up'
      ? [above.slice(0, -1), [...above.slice(-1), ...below]]
      : [[...above, ...below.slice(0, 1)], below.slice(1)];
  const moved = replace(layout, index, { cells: cells[0] });
  return replace(moved, index + 1, { cells: cells[1] });
}

function replace(layout: SplitLayout, index: number, change: Partial<TaskLayout>): SplitLayout {
  return {
    tasks: layout.tasks.map((task, at) => (at === index ? { ...task, ...change } : task))
  };
}

/** A lower-case identifier near to a title. */
export function identifier(title: string): string {
  const name = title
    .normalize('NFKD')
    .replace(/[^\0-\x7f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, 60)
    .replace(/_+$/, '');
  return name || 'task';
}

function free(name: string, taken: readonly string[]): string {
  let chosen = name;
  for (let count = 2; taken.includes(chosen); count += 1) {
    chosen = `${name}_${count}`;
  }
  return chosen;
}

export interface IEdgeFacts {
  from: string;
  to: string;
  /** What is handed over; empty where only an effect ties the two. */
  variables: (Crossing & { summary: string })[];
  /** The tasks wait for each other because of a file, or of state. */
  effect: boolean;
  /** Process state that goes along. */
  states: string[];
}

/** What a rehearsal saw of variables, by name. */
export type Seen = ReadonlyMap<string, { type: string; size: number | null; summary: string }>;

/** Types and sizes of a rehearsal: at the boundaries that it cut, else at its end. */
export function seenIn(evidence: Evidence | null | undefined): Seen {
  const { proof, snapshot } = evidence ?? {};
  const seen = new Map(
    Object.entries(snapshot?.names ?? {}).map(([name, { type, size, summary }]) => [
      name,
      { type, size: size ?? null, summary: summary ?? '' }
    ])
  );
  for (const { name, type, size } of proof?.plan?.crossings ?? []) {
    const last = seen.get(name);
    if (type) {
      seen.set(name, {
        type,
        size: size ?? null,
        summary: last?.type === type && last.size === size ? last.summary : ''
      });
    }
  }
  return seen;
}

/** What each edge of the graph carries; types and sizes from a rehearsal where there was one. */
export function edgesOf(plan: SplitPlan, seen: Seen = new Map()): IEdgeFacts[] {
  const states = new Map(plan.tasks.map(task => [task.name, task.states ?? []]));
  return plan.tasks.flatMap(task =>
    (task.upstream ?? []).map(from => ({
      from,
      to: task.name,
      variables: (plan.crossings ?? [])
        .filter(one => one.producer === from && one.consumer === task.name)
        .map(one => {
          const last = seen.get(one.name);
          const same = !one.type || (one.type === last?.type && one.size === last.size);
          return {
            ...one,
            type: one.type ?? last?.type ?? null,
            size: one.type ? one.size : (last?.size ?? null),
            summary: same ? (last?.summary ?? '') : ''
          };
        }),
      effect: (plan.order ?? []).some(pair => pair[0] === from && pair[1] === task.name),
      states: (task.states ?? []).filter(state => states.get(from)?.includes(state))
    }))
  );
}

/** "1–4, 7": cells as people count them, from 1. */
export function cellRanges(cells: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < cells.length;) {
    let end = at;
    while (end + 1 < cells.length && cells[end + 1] === cells[end] + 1) {
      end += 1;
    }
    parts.push(end > at ? `${cells[at] + 1}–${cells[end] + 1}` : String(cells[at] + 1));
    at = end + 1;
  }
  return parts.join(', ');
}

/** The tasks under the names that they will have: a single one is called like the pipeline. */
export function named<T extends { name: string }>(
  tasks: readonly T[],
  slug: string | undefined
): T[] {
  return tasks.length === 1 && slug ? [{ ...tasks[0], name: slug.replace(/-/g, '_') }] : [...tasks];
}
