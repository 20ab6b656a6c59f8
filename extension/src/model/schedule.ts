/** What a schedule has beyond its times: how runs are caught up, overlap, wait and are filled. */
import type { ScheduleRequest } from '../api/types';

/** The rules of a schedule; what is left out is as the service has it by default. */
export type ScheduleRules = Omit<ScheduleRequest, 'cron' | 'timezone' | 'catch_up'>;

/** How many seconds are shown as minutes: "1.5" of 90; empty for none. */
export function minutesOf(seconds: number | null | undefined): string {
  return seconds ? String(seconds / 60) : '';
}

/** Whole seconds of typed minutes; null where there are none. */
export function secondsOf(minutes: string): number | null {
  const value = Number(minutes);
  return minutes.trim() === '' || !Number.isFinite(value) ? null : Math.round(value * 60);
}

/** An instant as a `datetime-local` field takes it, by the browser's clock. */
export function localInput(at: string | null | undefined): string {
  if (!at) {
    return '';
  }
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The mistake that a refusal tells about one of the rules; null where it is about another field. */
export function problemAbout(
  refused: { field?: string | null; message: string } | null | undefined,
  field: string
): string | null {
  const about = refused?.field?.replace(/^schedule\./, '');
  return refused && about === field ? refused.message : null;
}

/** Whether a refusal is about the times and not about the rules. */
export function isAboutTimes(field: string | null | undefined): boolean {
  return !RULES.some(name => field === name || field?.startsWith(`${name}.`));
}

const RULES: readonly (keyof ScheduleRules)[] = [
  'start',
  'end',
  'jitter_s',
  'catch_up_limit',
  'overlap',
  'depends_on_past',
  'priority',
  'deadline_s',
  'max_active_runs',
  'parameters'
];

/** The rules of a schedule that is there, or of none, to go on with. */
export function rulesOf(schedule: ScheduleRequest | null | undefined): ScheduleRules {
  return Object.fromEntries(
    RULES.filter(name => schedule?.[name] !== undefined).map(name => [name, schedule?.[name]])
  );
}
