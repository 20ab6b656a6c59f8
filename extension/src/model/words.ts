/** States in words, each with the icon and the tone that go with it. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type {
  AttemptState,
  DateState,
  BackfillState,
  Gate,
  Proof,
  Run,
  RunState,
  Severity,
  Standing,
  TaskState,
  Version,
  VersionState
} from '../api/types';

export type Tone = 'good' | 'bad' | 'busy' | 'wait' | 'warn' | 'idle';
export type Glyph =
  | 'check'
  | 'cross'
  | 'play'
  | 'clock'
  | 'warning'
  | 'stop'
  | 'skip'
  | 'eye'
  | 'pause'
  | 'rocket'
  | 'undo'
  | 'info'
  | 'ring';

export interface IWord {
  text: string;
  tone: Tone;
  glyph: Glyph;
}

export function runWord(
  trans: TranslationBundle,
  run: Pick<Run, 'state' | 'cancel_requested'>
): IWord {
  if (run.cancel_requested && !ended(run.state)) {
    return { text: trans.__('Cancelling'), tone: 'warn', glyph: 'stop' };
  }
  return runStateWord(trans, run.state);
}

export function backfillWord(trans: TranslationBundle, state: BackfillState): IWord {
  const words: Record<BackfillState, IWord> = {
    running: { text: trans.__('Running'), tone: 'busy', glyph: 'play' },
    paused: { text: trans.__('Paused'), tone: 'warn', glyph: 'pause' },
    done: { text: trans.__('Done'), tone: 'good', glyph: 'check' },
    failed: { text: trans.__('Failed'), tone: 'bad', glyph: 'cross' },
    cancelled: { text: trans.__('Cancelled'), tone: 'idle', glyph: 'stop' }
  };
  return words[state];
}

/** What the runs of a date came to so far. */
export function standingWord(trans: TranslationBundle, standing: Standing): IWord {
  const words: Record<Standing, IWord> = {
    none: { text: trans.__('Not run'), tone: 'idle', glyph: 'info' },
    succeeded: { text: trans.__('Succeeded'), tone: 'good', glyph: 'check' },
    failed: { text: trans.__('Failed'), tone: 'bad', glyph: 'cross' },
    open: { text: trans.__('Under way'), tone: 'wait', glyph: 'clock' },
    removed: { text: trans.__('Not kept'), tone: 'idle', glyph: 'info' },
    paused: { text: trans.__('Paused'), tone: 'idle', glyph: 'pause' }
  };
  return words[standing];
}

export function runStateWord(trans: TranslationBundle, state: RunState): IWord {
  const words: Record<RunState, IWord> = {
    queued: { text: trans.__('Queued'), tone: 'wait', glyph: 'clock' },
    launching: { text: trans.__('Starting'), tone: 'busy', glyph: 'play' },
    running: { text: trans.__('Running'), tone: 'busy', glyph: 'play' },
    succeeded: { text: trans.__('Succeeded'), tone: 'good', glyph: 'check' },
    failed: { text: trans.__('Failed'), tone: 'bad', glyph: 'cross' },
    cancelled: { text: trans.__('Cancelled'), tone: 'idle', glyph: 'stop' },
    timed_out: { text: trans.__('Timed out'), tone: 'bad', glyph: 'clock' },
    skipped: { text: trans.__('Skipped'), tone: 'idle', glyph: 'skip' }
  };
  return words[state];
}

/** Where a date of a pipeline stands on the calendar. */
export function dateWord(trans: TranslationBundle, state: DateState): IWord {
  switch (state) {
    case 'missed':
      return { text: trans.__('Missed'), tone: 'warn', glyph: 'warning' };
    case 'paused':
      return { text: trans.__('Paused'), tone: 'idle', glyph: 'pause' };
    case 'upcoming':
      return { text: trans.__('Upcoming'), tone: 'idle', glyph: 'ring' };
    case 'removed':
      return { text: trans.__('Not kept'), tone: 'idle', glyph: 'undo' };
    default:
      return runStateWord(trans, state);
  }
}

export function taskWord(trans: TranslationBundle, state: TaskState): IWord {
  const words: Record<TaskState, IWord> = {
    waiting: { text: trans.__('Waiting'), tone: 'wait', glyph: 'clock' },
    running: { text: trans.__('Running'), tone: 'busy', glyph: 'play' },
    succeeded: { text: trans.__('Succeeded'), tone: 'good', glyph: 'check' },
    failed: { text: trans.__('Failed'), tone: 'bad', glyph: 'cross' },
    skipped: { text: trans.__('Skipped'), tone: 'idle', glyph: 'skip' },
    cancelled: { text: trans.__('Cancelled'), tone: 'idle', glyph: 'stop' }
  };
  return words[state];
}

export function versionWord(
  trans: TranslationBundle,
  version: Pick<Version, 'state' | 'live' | 'rehearse_only'>
): IWord {
  if (version.live) {
    return { text: trans.__('Live'), tone: 'good', glyph: 'rocket' };
  }
  const words: Record<VersionState, IWord> = {
    analysing: { text: trans.__('Analysing'), tone: 'busy', glyph: 'eye' },
    rehearsing: { text: trans.__('Rehearsing'), tone: 'busy', glyph: 'play' },
    in_review: { text: trans.__('Waiting for review'), tone: 'wait', glyph: 'eye' },
    approved: { text: trans.__('Approved'), tone: 'good', glyph: 'check' },
    failed: { text: trans.__('Rehearsal failed'), tone: 'bad', glyph: 'cross' },
    rejected: { text: trans.__('Rejected'), tone: 'bad', glyph: 'cross' },
    withdrawn: { text: trans.__('Withdrawn'), tone: 'idle', glyph: 'undo' }
  };
  if (version.rehearse_only && (version.state === 'withdrawn' || version.state === 'approved')) {
    return { text: trans.__('Rehearsed only'), tone: 'idle', glyph: 'check' };
  }
  return words[version.state];
}

export function severityWord(trans: TranslationBundle, severity: Severity): IWord {
  const words: Record<Severity, IWord> = {
    error: { text: trans.__('Stops publishing'), tone: 'bad', glyph: 'cross' },
    warning: { text: trans.__('Warning'), tone: 'warn', glyph: 'warning' },
    info: { text: trans.__('Note'), tone: 'idle', glyph: 'info' }
  };
  return words[severity];
}

export function gateName(trans: TranslationBundle, gate: Gate): string {
  return gate === 'lead' ? trans.__('Data-science lead') : trans.__('ML engineer');
}

export function gateShort(trans: TranslationBundle, gate: Gate): string {
  return gate === 'lead' ? trans.__('lead') : trans.__('MLE');
}

/** How one attempt stands, as it follows its number. */
export function attemptWord(trans: TranslationBundle, state: AttemptState): string {
  const words: Record<AttemptState, string> = {
    leased: trans.__('starting'),
    running: trans.__('running'),
    succeeded: trans.__('succeeded'),
    failed: trans.__('failed'),
    cancelled: trans.__('cancelled'),
    timed_out: trans.__('timed out'),
    lost: trans.__('its host was lost')
  };
  return words[state];
}

/** The verdict on a split: "Proved equal: 4 tasks". */
export function proofWord(
  trans: TranslationBundle,
  proof: Pick<Proof, 'state' | 'plan' | 'tries'>
): IWord {
  switch (proof.state) {
    case 'equal': {
      const count = proof.plan?.tasks.length ?? 1;
      return {
        text: trans._n('Proved equal: %1 task', 'Proved equal: %1 tasks', count),
        tone: 'good',
        glyph: 'check'
      };
    }
    case 'unequal':
      return { text: trans.__('One task: no split was equal'), tone: 'warn', glyph: 'warning' };
    case 'skipped':
      return { text: trans.__('One task: proof skipped'), tone: 'wait', glyph: 'skip' };
    default:
      return { text: trans.__('One task: nothing to prove'), tone: 'idle', glyph: 'info' };
  }
}

/** The verdict in a sentence, with its reason. */
export function proofSentence(trans: TranslationBundle, proof: Proof): string {
  const { state, reason } = proof;
  switch (state) {
    case 'equal':
      return proofWord(trans, proof).text;
    case 'skipped':
      return reason ? trans.__('Proof skipped: %1', reason) : trans.__('Proof skipped');
    default:
      return reason ? trans.__('One task: %1', reason) : proofWord(trans, proof).text;
  }
}

/** What a rehearsal does, in words; a phase that is not known is shown as it is. */
export function phaseText(trans: TranslationBundle, phase: string): string {
  const words: Record<string, string> = {
    environment: trans.__('Preparing the environment'),
    'preparing the environment': trans.__('Preparing the environment'),
    rehearsing: trans.__('Rehearsing'),
    'plain run again': trans.__('Proving the split: running unsplit once more'),
    'split run': trans.__('Proving the split: running split'),
    'split run with fewer tasks': trans.__('Proving the split: running split, with fewer tasks'),
    comparing: trans.__('Proving the split: comparing')
  };
  return words[phase] ?? phase;
}

/** What kind of run it is. */
export function kindName(trans: TranslationBundle, kind: Run['kind']): string {
  switch (kind) {
    case 'rehearsal':
      return trans.__('Rehearsal');
    case 'trial':
      return trans.__('Trial');
    default:
      return trans.__('Run');
  }
}

/** What started a run. */
export function triggerText(trans: TranslationBundle, run: Run): string {
  if (run.trigger === 'schedule') {
    return trans.__('by the schedule');
  }
  if (run.trigger === 'rehearsal') {
    return trans.__('rehearsal of version %1', run.version);
  }
  if (run.trigger === 'backfill') {
    return trans.__('by a backfill of %1', run.requested_by ?? '?');
  }
  if (run.cause?.name) {
    return trans.__('by the trigger %1', run.cause.name);
  }
  if (run.kind === 'trial') {
    return trans.__('tried by %1', run.requested_by ?? '?');
  }
  return run.requested_by
    ? trans.__('started by %1', run.requested_by)
    : trans.__('started by hand');
}

export function ended(state: RunState): boolean {
  return state !== 'queued' && state !== 'launching' && state !== 'running';
}

/** Whether a version may still change without anybody asking for it. */
export function versionMoves(state: VersionState): boolean {
  return state === 'analysing' || state === 'rehearsing';
}
