/** What is wrong with a draft, field by field; and why it cannot be published as it stands. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Problem } from '../api/problem';
import type { Analysis, ISlugAnswer, ITenant } from '../api/types';
import { numberOf, type IDraft } from './draft';

/** Names of the fields as the service spells them, so that its refusals find their place. */
export type Mistakes = Record<string, string>;

export const LONGEST_NAME = 120;
export const LONGEST_TEXT = 4000;
/** Minutes: seven days. */
export const LONGEST_RUN = 7 * 24 * 60;
export const MOST_RETRIES = 10;

/** The mistakes that the dialog sees by itself. */
export function mistakes(
  trans: TranslationBundle,
  draft: IDraft,
  slug: ISlugAnswer | null,
  tenant: ITenant | null
): Mistakes {
  const found: Mistakes = {};
  const name = draft.name.trim();
  if (!name) {
    found.name = trans.__('A name is needed.');
  } else if (name.length > LONGEST_NAME) {
    found.name = trans.__('At most %1 characters; it has %2.', LONGEST_NAME, name.length);
  }
  if (!draft.slug) {
    found.slug = trans.__('A short name is needed, such as “weekly-report”.');
  } else if (slug && slug.slug === draft.slug) {
    if (!slug.valid) {
      found.slug = slug.message ?? trans.__('This short name cannot be used.');
    } else if (slug.exists && !slug.yours && !draft.continues) {
      found.slug = slug.message ?? trans.__('Somebody else owns a pipeline of this name.');
    }
  }
  for (const field of ['description', 'note'] as const) {
    if (draft[field].length > LONGEST_TEXT) {
      found[field] = trans.__(
        'At most %1 characters; it has %2.',
        LONGEST_TEXT,
        draft[field].length
      );
    }
  }
  if (draft.threshold.trim() && numberOf(draft.threshold) === null) {
    found['goal.threshold'] = trans.__('Write a number, such as 0.9, or leave it empty.');
  } else if (draft.threshold.trim() && !draft.metric.trim()) {
    found['goal.metric'] = trans.__('Name the metric that the threshold is for.');
  }
  const timeout = numberOf(draft.timeout);
  if (timeout === null || timeout * 60 < 1 || timeout > LONGEST_RUN) {
    found.timeout_s = trans.__('Write minutes: more than 0, at most %1 (7 days).', LONGEST_RUN);
  }
  const cell = numberOf(draft.cellTimeout);
  if (draft.cellTimeout.trim() && (cell === null || cell <= 0 || cell > LONGEST_RUN)) {
    found.cell_timeout_s = trans.__('Write minutes, such as 5, or leave it empty.');
  }
  const retries = numberOf(draft.retries);
  if (retries === null || !Number.isInteger(retries) || retries < 0 || retries > MOST_RETRIES) {
    found.retries = trans.__('Write a whole number from 0 to %1.', MOST_RETRIES);
  }
  const profile = tenant?.profiles.find(one => one.name === draft.profile);
  if (tenant && !profile) {
    found.profile = trans.__('Choose a profile: “%1” is not offered any more.', draft.profile);
  } else if (profile && !profile.available) {
    found.profile = profile.reason ?? trans.__('This profile is not available.');
  }
  if (draft.scheduled && !draft.cron.trim()) {
    found['schedule.cron'] = trans.__('Write five fields, such as “0 6 * * 1” (Mondays at six).');
  }
  if (draft.scheduled && !draft.timezone.trim()) {
    found['schedule.timezone'] = trans.__('Name a time zone, such as Europe/Berlin.');
  }
  return found;
}

/** The mistake that the service named, under the name of its field; `null` for no field here. */
export function refusal(problem: Problem | null): { field: string; message: string } | null {
  if (!problem?.field) {
    return null;
  }
  const field = problem.field.replace(/^request\./, '');
  const root = field.split('.')[0];
  const known = [
    'name',
    'slug',
    'description',
    'goal',
    'defaults',
    'rehearsal_parameters',
    'profile',
    'timeout_s',
    'cell_timeout_s',
    'retries',
    'schedule',
    'note',
    'layout'
  ];
  if (!known.includes(root)) {
    return null;
  }
  const whole: Record<string, string> = { goal: 'goal.metric', schedule: 'schedule.cron' };
  if (root === 'layout') {
    return { field: root, message: problem.message };
  }
  return { field: whole[field] ?? field, message: problem.message };
}

export interface IState {
  analysis: Analysis | null;
  analysing: boolean;
  tenant: ITenant | null;
  mistakes: Mistakes;
  /** The schedule as the service reads it. */
  scheduleProblem: string | null;
  /** Why the author's arrangement of the tasks is impossible. */
  layoutProblem: string | null;
  layoutPending: boolean;
  slugKnown: boolean;
}

/** Why the draft cannot be published now; null when it can. */
export function reasonAgainst(
  trans: TranslationBundle,
  draft: IDraft,
  state: IState
): string | null {
  const { analysis, tenant } = state;
  if (tenant && !tenant.actions.includes('publish')) {
    return trans.__('Your roles in %1 do not allow publishing.', tenant.display_name);
  }
  if (state.analysing && !analysis) {
    return trans.__('The notebook is still being read.');
  }
  if (!analysis) {
    return trans.__('The notebook could not be read: see “What will happen”.');
  }
  const errors = analysis.checks.filter(check => check.severity === 'error').length;
  if (errors > 0) {
    return trans._n(
      '%1 check stops publishing: see “Checks”, below the tasks.',
      '%1 checks stop publishing: see “Checks”, below the tasks.',
      errors
    );
  }
  if (draft.unreadable.defaults || draft.unreadable.rehearsal) {
    return trans.__('A parameter cannot be read: see its field.');
  }
  const [first] = Object.values(state.mistakes);
  if (first) {
    return first;
  }
  if (draft.scheduled && state.scheduleProblem) {
    return state.scheduleProblem;
  }
  if (state.layoutProblem) {
    return state.layoutProblem;
  }
  if (state.layoutPending) {
    return trans.__('The arrangement of the tasks is being checked.');
  }
  return state.slugKnown ? null : trans.__('The short name is being checked.');
}
