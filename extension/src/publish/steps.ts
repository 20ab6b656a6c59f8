/** The stations of a version on its way, as the publish dialog shows them. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Version } from '../api/types';

export interface IStep {
  key: 'analysed' | 'environment' | 'rehearsal' | 'end';
  label: string;
  state: 'done' | 'doing' | 'waiting' | 'failed' | 'skipped';
  detail?: string;
  done?: number;
  total?: number;
}

/** How far a version is; a rehearsal's progress counts code cells that are finished. */
export function stepsOf(trans: TranslationBundle, version: Version): IStep[] {
  const { state, analysis } = version;
  const packages = analysis?.requirements.length ?? 0;
  const { cell, cells } = progressOf(version);
  const begun = cells > 0;
  const over = state !== 'analysing' && state !== 'rehearsing';
  const stopped = state === 'failed' || (state === 'withdrawn' && !version.evidence?.passed);
  const rehearsing = state === 'rehearsing';
  return [
    {
      key: 'analysed',
      label: trans.__('Analysed'),
      state: state === 'analysing' ? 'doing' : 'done',
      detail: analysis?.checks.length
        ? trans._n('%1 check to look at', '%1 checks to look at', analysis.checks.length)
        : undefined
    },
    {
      key: 'environment',
      label: rehearsing && !begun ? trans.__('Starting the environment') : trans.__('Environment'),
      state: over || begun ? 'done' : rehearsing ? 'doing' : 'waiting',
      detail: packages
        ? trans._n(
            '%1 package at its exact version',
            '%1 packages at their exact versions',
            packages
          )
        : undefined
    },
    rehearsal(trans, version, stopped, begun ? { cell, cells } : null),
    end(trans, version, stopped)
  ];
}

function rehearsal(
  trans: TranslationBundle,
  version: Version,
  stopped: boolean,
  progress: { cell: number; cells: number } | null
): IStep {
  const step = { key: 'rehearsal', label: trans.__('Rehearsal') } as const;
  if (version.state === 'rehearsing' && progress) {
    const { cell, cells } = progress;
    return {
      ...step,
      label: trans.__('Rehearsing cell %1 of %2', Math.min(cell + 1, cells), cells),
      state: 'doing',
      done: cell,
      total: cells
    };
  }
  if (stopped) {
    return version.state === 'failed'
      ? { ...step, label: trans.__('Rehearsal failed'), state: 'failed' }
      : { ...step, label: trans.__('Rehearsal ended'), state: 'skipped' };
  }
  return { ...step, state: version.evidence?.passed ? 'done' : 'waiting' };
}

function end(trans: TranslationBundle, version: Version, stopped: boolean): IStep {
  const step = { key: 'end' } as const;
  if (stopped) {
    return {
      ...step,
      label: version.state === 'failed' ? trans.__('Not published') : trans.__('Withdrawn'),
      state: 'skipped'
    };
  }
  if (version.rehearse_only) {
    return {
      ...step,
      label: trans.__('Rehearsed: nothing was published'),
      state: version.evidence?.passed ? 'done' : 'waiting'
    };
  }
  switch (version.state) {
    case 'in_review':
      return { ...step, label: trans.__('Ready for review'), state: 'done' };
    case 'approved':
      return {
        ...step,
        label: version.live
          ? trans.__('v%1 is live', version.number)
          : trans.__('v%1 is approved', version.number),
        state: 'done'
      };
    case 'rejected':
      return { ...step, label: trans.__('Rejected'), state: 'failed' };
    case 'withdrawn':
      return { ...step, label: trans.__('Withdrawn'), state: 'skipped' };
    default:
      return {
        ...step,
        label: version.gates.length ? trans.__('Ready for review') : trans.__('Live'),
        state: 'waiting'
      };
  }
}

/** Code cells finished and in all; zeros while the rehearsal has not begun. */
export function progressOf(version: Pick<Version, 'progress'>): { cell: number; cells: number } {
  const progress = (version.progress ?? {}) as { cell?: unknown; cells?: unknown };
  const whole = (value: unknown): number => (typeof value === 'number' ? value : 0);
  return { cell: whole(progress.cell), cells: whole(progress.cells) };
}
