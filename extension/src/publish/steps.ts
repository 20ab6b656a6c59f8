/** The stations of a version on its way, as the publish dialog shows them. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Version } from '../api/types';
import { phaseText, proofSentence } from '../model/words';

export interface IStep {
  key: 'analysed' | 'environment' | 'rehearsal' | 'proof' | 'end';
  label: string;
  state: 'done' | 'doing' | 'waiting' | 'failed' | 'skipped';
  detail?: string;
  done?: number;
  total?: number;
}

/** Phases of a rehearsal, as the service calls them. */
const PREPARING = ['environment', 'preparing the environment'];
const PROVING = ['plain run again', 'split run', 'split run with fewer tasks', 'comparing'];

/** How far a version is; a rehearsal's progress counts code cells that are finished. */
export function stepsOf(trans: TranslationBundle, version: Version): IStep[] {
  const { state, analysis } = version;
  const progress = progressOf(version);
  const stopped = state === 'failed' || (state === 'withdrawn' && !version.evidence?.passed);
  return [
    {
      key: 'analysed',
      label: trans.__('Analysed'),
      state: state === 'analysing' ? 'doing' : 'done',
      detail: analysis?.checks.length
        ? trans._n('%1 check to look at', '%1 checks to look at', analysis.checks.length)
        : undefined
    },
    environment(trans, version, progress),
    rehearsal(trans, version, stopped, progress),
    ...proof(trans, version, stopped, progress),
    end(trans, version, stopped)
  ];
}

function environment(trans: TranslationBundle, version: Version, progress: IProgress): IStep {
  const { state, analysis } = version;
  const packages = analysis?.requirements.length ?? 0;
  const begun = progress.cells > 0 || isProving(progress);
  const preparing = isPreparing(progress);
  const doing = state === 'rehearsing' && (!begun || preparing);
  const over = state !== 'analysing' && state !== 'rehearsing';
  return {
    key: 'environment',
    label: preparing
      ? phaseText(trans, progress.phase ?? '')
      : doing
        ? trans.__('Starting the environment')
        : trans.__('Environment'),
    state: doing ? 'doing' : over || begun ? 'done' : 'waiting',
    detail: packages
      ? trans._n('%1 package at its exact version', '%1 packages at their exact versions', packages)
      : undefined
  };
}

function isPreparing({ phase }: IProgress): boolean {
  return phase !== null && PREPARING.includes(phase);
}

/** Whether a phase belongs to the proof of a split. */
export function isProof(phase: string): boolean {
  return PROVING.includes(phase);
}

function isProving({ phase }: IProgress): boolean {
  return phase !== null && isProof(phase);
}

function rehearsal(
  trans: TranslationBundle,
  version: Version,
  stopped: boolean,
  progress: IProgress
): IStep {
  const step = { key: 'rehearsal', label: trans.__('Rehearsal') } as const;
  const { cell, cells, phase } = progress;
  if (version.state === 'rehearsing') {
    if (isProving(progress)) {
      return { ...step, state: 'done' };
    }
    if (cells > 0 && !isPreparing(progress)) {
      const known = phase === null || phase === 'rehearsing';
      return {
        ...step,
        label: trans.__('Rehearsing cell %1 of %2', Math.min(cell + 1, cells), cells),
        detail: known ? undefined : phaseText(trans, phase),
        state: 'doing',
        done: cell,
        total: cells
      };
    }
  }
  if (stopped) {
    return version.state === 'failed'
      ? { ...step, label: trans.__('Rehearsal failed'), state: 'failed' }
      : { ...step, label: trans.__('Rehearsal ended'), state: 'skipped' };
  }
  return { ...step, state: version.evidence?.passed ? 'done' : 'waiting' };
}

/** The proof, where there is a split to be proved. */
function proof(
  trans: TranslationBundle,
  version: Version,
  stopped: boolean,
  progress: IProgress
): IStep[] {
  const step = { key: 'proof', label: trans.__('Proof of the split') } as const;
  const found = version.evidence?.proof;
  if (found) {
    const state = found.state === 'equal' || found.state === 'not_needed' ? 'done' : 'skipped';
    return [{ ...step, label: proofSentence(trans, found), state }];
  }
  if (version.state === 'rehearsing' && isProving(progress)) {
    const { cell, cells, phase } = progress;
    // The cells of the rehearsal itself stay counted while the proof reports none of its own.
    const counts = cell < cells;
    return [
      {
        ...step,
        label: phaseText(trans, phase ?? ''),
        detail: counts ? trans.__('cell %1 of %2', cell + 1, cells) : undefined,
        state: 'doing',
        done: counts ? cell : 0,
        total: counts ? cells : 0
      }
    ];
  }
  if ((version.analysis?.split?.tasks.length ?? 1) < 2 || version.evidence?.passed) {
    return [];
  }
  return [{ ...step, state: stopped ? 'skipped' : 'waiting' }];
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

export interface IProgress {
  /** Code cells finished, and in all; zeros while nothing has begun. */
  cell: number;
  cells: number;
  /** What the rehearsal does at the moment, as the service calls it. */
  phase: string | null;
}

export function progressOf(version: Pick<Version, 'progress'>): IProgress {
  const progress = (version.progress ?? {}) as Record<string, unknown>;
  const whole = (value: unknown): number => (typeof value === 'number' ? value : 0);
  return {
    cell: whole(progress.cell),
    cells: whole(progress.cells),
    phase: typeof progress.phase === 'string' && progress.phase ? progress.phase : null
  };
}
