/** What a schedule has beyond its times: how runs are caught up, overlap, wait and are filled. */
import type { ScheduleRequest } from '../api/types';

/** The rules of a schedule; what is left out is as the service has it by default. */
export type ScheduleRules = Omit<ScheduleRequest, 'cron' | 'timezone' | 'catch_up'>;

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
