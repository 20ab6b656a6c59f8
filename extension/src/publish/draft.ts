/** What the publish dialog holds: its fields as they were typed, and the request made of them. */
import type {
  Analysis,
  Pipeline,
  PublishFields,
  ScheduleRequest,
  SplitLayout,
  Version
} from '../api/types';
import { slugify } from '../format/names';
import { rulesOf, type ScheduleRules } from '../model/schedule';

export interface IDraft {
  name: string;
  slug: string;
  /** The slug follows the name until it is edited. */
  slugEdited: boolean;
  description: string;
  metric: string;
  direction: 'higher' | 'lower';
  threshold: string;
  /** Values that replace the notebook's own defaults. */
  defaults: Record<string, unknown>;
  /** Cheaper values, for the rehearsal only. */
  rehearsal: Record<string, unknown>;
  /** Which of the two value forms cannot be read at the moment. */
  unreadable: { defaults: boolean; rehearsal: boolean };
  profile: string;
  /** Minutes. */
  timeout: string;
  /** Minutes for each cell; empty: the tenant's own limit. */
  cellTimeout: string;
  retries: string;
  scheduled: boolean;
  cron: string;
  timezone: string;
  catchUp: 'latest' | 'skip' | 'all';
  rules: ScheduleRules;
  note: string;
  /** Which cells form which task; null for the proposal. */
  layout: SplitLayout | null;
  prove: 'budget' | 'always' | 'never';
  /** Meant as the next version of a pipeline that somebody else owns. */
  continues: boolean;
}

export interface IBeginning {
  path: string;
  analysis: Analysis | null;
  /** The pipeline that the notebook belongs to, with its latest version. */
  pipeline: Pipeline | null;
  version: Version | null;
  profile: string;
  timezone: string;
}

/** The fields as the dialog opens: of the latest version, or guessed from the notebook. */
export function beginning(from: IBeginning): IDraft {
  const { pipeline, version } = from;
  const name = version?.name ?? pipeline?.name ?? from.analysis?.title ?? fileName(from.path);
  const schedule = version?.schedule ?? null;
  const goal = version?.goal ?? pipeline?.goal ?? null;
  return {
    name: name.slice(0, 120),
    slug: pipeline?.slug ?? slugify(name),
    slugEdited: pipeline !== null,
    description: version?.description ?? pipeline?.description ?? '',
    metric: goal?.metric ?? '',
    direction: goal?.direction ?? 'higher',
    threshold:
      goal?.threshold === null || goal?.threshold === undefined ? '' : String(goal.threshold),
    defaults: declared(version?.defaults, from.analysis),
    rehearsal: declared(version?.rehearsal_parameters, from.analysis),
    unreadable: { defaults: false, rehearsal: false },
    profile: version?.profile ?? from.profile,
    timeout: String((version?.timeout_s ?? 3600) / 60),
    cellTimeout: version?.cell_timeout_s ? String(version.cell_timeout_s / 60) : '',
    retries: String(version?.retries ?? 1),
    scheduled: schedule !== null,
    cron: schedule?.cron ?? '0 6 * * *',
    timezone: schedule?.timezone ?? from.timezone,
    catchUp: schedule?.catch_up ?? 'latest',
    rules: rulesOf(schedule),
    note: '',
    layout: arrangedBefore(version, from.analysis),
    prove: 'budget',
    continues: false
  };
}

/** The author's own arrangement of the latest version, while the notebook has as many cells. */
function arrangedBefore(version: Version | null, analysis: Analysis | null): SplitLayout | null {
  const before = version?.analysis?.split;
  const count = (tasks: readonly { cells: readonly number[] }[] | undefined): number =>
    (tasks ?? []).reduce((sum, task) => sum + task.cells.length, 0);
  const fits = count(before?.wished?.tasks) === count(analysis?.split?.wished?.tasks);
  return before?.source === 'author' && before.wished && fits ? before.wished : null;
}

/** The values whose parameters the notebook still declares. */
function declared(
  values: Record<string, unknown> | undefined,
  analysis: Analysis | null
): Record<string, unknown> {
  const known = analysis?.parameters?.properties ?? {};
  return Object.fromEntries(Object.entries(values ?? {}).filter(([name]) => name in known));
}

export function fileName(path: string): string {
  return (path.split('/').pop() ?? path).replace(/\.ipynb$/, '');
}

/** A changed name takes the slug along as long as nobody has chosen one. */
export function rename(draft: IDraft, name: string): IDraft {
  return { ...draft, name, slug: draft.slugEdited ? draft.slug : slugify(name) };
}

/** A number out of a text field; null where it is none. */
export function numberOf(text: string): number | null {
  const trimmed = text.trim();
  const value = Number(trimmed);
  return trimmed !== '' && Number.isFinite(value) ? value : null;
}

export function scheduleOf(draft: IDraft): ScheduleRequest | null {
  return draft.scheduled
    ? {
        ...draft.rules,
        cron: draft.cron.trim(),
        timezone: draft.timezone.trim(),
        catch_up: draft.catchUp
      }
    : null;
}

/** The request, of a draft without mistakes; the bridge adds the notebook and its modules. */
export function requestOf(draft: IDraft, rehearseOnly: boolean): PublishFields {
  const metric = draft.metric.trim();
  return {
    name: draft.name.trim(),
    description: draft.description.trim(),
    goal: metric
      ? { metric, direction: draft.direction, threshold: numberOf(draft.threshold) }
      : null,
    defaults: draft.defaults,
    rehearsal_parameters: draft.rehearsal,
    profile: draft.profile || null,
    timeout_s: Math.round((numberOf(draft.timeout) ?? 60) * 60),
    cell_timeout_s: draft.cellTimeout.trim() ? (numberOf(draft.cellTimeout) ?? 60) * 60 : null,
    retries: numberOf(draft.retries) ?? 1,
    schedule: scheduleOf(draft),
    note: draft.note.trim(),
    layout: draft.layout,
    prove: draft.prove,
    rehearse_only: rehearseOnly,
    continues: draft.continues ? true : null
  };
}
