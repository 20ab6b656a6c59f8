/** Places of the platform and their addresses below `/services/galley/`. */
import type { RunState } from '../api/types';

export type Place =
  | { kind: 'today' }
  | { kind: 'pipelines' }
  | { kind: 'runs'; filter?: IRunFilter }
  | { kind: 'calendar' }
  | { kind: 'reviews' }
  | { kind: 'secrets' }
  | { kind: 'storage' }
  | { kind: 'pipeline'; tenant: string; slug: string; tab?: PipelineTab }
  | { kind: 'run'; id: string; part?: IRunPart }
  | { kind: 'compare'; left: string | null; right: string }
  | { kind: 'review'; id: string };

/** Which runs a list shows; what is not set is not filtered by. */
export type IRunFilter = {
  state?: string;
  /** `pipeline`, which is meant where nothing is set, `rehearsal`, `trial` or `all`. */
  of?: string;
  /** `TENANT/SLUG`. */
  pipeline?: string;
};

export const RUN_TABS = ['notebook', 'log', 'resources', 'metrics', 'parameters'] as const;
export type RunTab = (typeof RUN_TABS)[number];

/** What of a run is looked at; what is not set is what is shown at first. */
export type IRunPart = {
  /** Its number. */
  attempt?: number;
  task?: string;
  tab?: RunTab;
};

const FILTERS = ['state', 'of', 'pipeline'] as const;

/** The states that runs are filtered by, as a list offers them. */
export const RUN_STATES: RunState[] = [
  'running',
  'launching',
  'queued',
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
  'skipped'
];

/** What is not like that was mistyped: it would filter by what no list shows as chosen. */
const MEANT = {
  state: new RegExp(`^(${RUN_STATES.join('|')})$`),
  of: /^(pipeline|rehearsal|trial|all)$/,
  pipeline: /^[^/]+\/[^/]+$/
};

export const PIPELINE_TABS = ['overview', 'runs', 'calendar', 'versions', 'settings'] as const;
export type PipelineTab = (typeof PIPELINE_TABS)[number];

const PAGES = ['pipelines', 'runs', 'calendar', 'reviews', 'secrets', 'storage'] as const;

export const ROOT = '/services/galley/';

/** The path of a place, relative to the root. */
export function pathOf(place: Place): string {
  switch (place.kind) {
    case 'today':
      return '';
    case 'pipeline': {
      const path = `tenants/${encodeURIComponent(place.tenant)}/pipelines/${encodeURIComponent(place.slug)}`;
      return place.tab && place.tab !== 'overview' ? `${path}#${place.tab}` : path;
    }
    case 'run': {
      const set = Object.entries(place.part ?? {}).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)]]
      );
      const path = `runs/${encodeURIComponent(place.id)}`;
      return set.length > 0 ? `${path}?${new URLSearchParams(set)}` : path;
    }
    case 'compare': {
      const query = new URLSearchParams(place.left ? { left: place.left } : {});
      query.set('right', place.right);
      return `runs/compare?${query}`;
    }
    case 'review':
      return `reviews/${encodeURIComponent(place.id)}`;
    case 'runs': {
      const set = Object.entries(place.filter ?? {}).filter(([, value]) => value);
      return set.length > 0 ? `runs?${new URLSearchParams(set)}` : 'runs';
    }
    default:
      return place.kind;
  }
}

/** The place at a path below the root; null where there is none. */
export function placeOf(path: string, hash = '', search = ''): Place | null {
  const parts = path
    .split('/')
    .filter(part => part !== '')
    .map(decodeURIComponent);
  const [first, second, third, fourth] = parts;
  if (parts.length === 0) {
    return { kind: 'today' };
  }
  const page = PAGES.find(name => name === first);
  if (parts.length === 1 && page === 'runs') {
    const query = new URLSearchParams(search);
    const filter: IRunFilter = {};
    for (const name of FILTERS) {
      const value = query.get(name);
      filter[name] = value && MEANT[name].test(value) ? value : undefined;
    }
    return search ? { kind: page, filter } : { kind: page };
  }
  if (parts.length === 1 && page) {
    return { kind: page };
  }
  if (parts.length === 2 && first === 'runs' && second === 'compare') {
    const query = new URLSearchParams(search);
    const right = query.get('right');
    return right ? { kind: 'compare', left: query.get('left'), right } : null;
  }
  if (parts.length === 2 && first === 'runs') {
    const part = partOf(new URLSearchParams(search));
    return part ? { kind: 'run', id: second, part } : { kind: 'run', id: second };
  }
  if (parts.length === 2 && first === 'reviews') {
    return { kind: 'review', id: second };
  }
  if (parts.length === 4 && first === 'tenants' && third === 'pipelines') {
    const tab = PIPELINE_TABS.find(name => name === hash.replace('#', ''));
    return { kind: 'pipeline', tenant: second, slug: fourth, tab };
  }
  return null;
}

function partOf(query: URLSearchParams): IRunPart | null {
  const part: IRunPart = {};
  const [attempt, task] = [Number(query.get('attempt')), query.get('task')];
  const tab = RUN_TABS.find(name => name === query.get('tab'));
  if (Number.isInteger(attempt) && attempt > 0) {
    part.attempt = attempt;
  }
  if (task) {
    part.task = task;
  }
  if (tab) {
    part.tab = tab;
  }
  return Object.keys(part).length > 0 ? part : null;
}
