/** Schedules that most people want. */
import type { TranslationBundle } from '@jupyterlab/translation';

export interface IPreset {
  cron: string;
  label: string;
}

export function presets(trans: TranslationBundle): IPreset[] {
  return [
    { cron: '0 * * * *', label: trans.__('Every hour') },
    { cron: '0 6 * * *', label: trans.__('Every day at 06:00') },
    { cron: '0 6 * * 1-5', label: trans.__('Working days at 06:00') },
    { cron: '0 6 * * 1', label: trans.__('Mondays at 06:00') },
    { cron: '0 6 1 * *', label: trans.__('First of the month at 06:00') }
  ];
}
