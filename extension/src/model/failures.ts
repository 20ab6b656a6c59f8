/** Which attempts failed, whose failure it was, and what one can do about it. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Attempt, CellError, FailureClass, Run } from '../api/types';
import { ended } from './words';

/** What followed a failure: another attempt, one that is still to come, or nothing. */
export type Sequel = Attempt | 'due' | null;

/** What is told of a failed attempt; without one, of a run that failed before it had any. */
export interface IFailure {
  failure: FailureClass | null;
  /** What to say where the attempt itself left no error. */
  reason: string | null;
  sequel: Sequel;
}

/** How an attempt failed; null: it did not. Without an attempt, how the run did. */
export function failureOf(
  trans: TranslationBundle,
  run: Run,
  attempt: Attempt | undefined
): IFailure | null {
  const lost = run.state === 'failed' || run.state === 'timed_out';
  if (!attempt) {
    return lost ? { failure: null, reason: run.state_reason ?? null, sequel: null } : null;
  }
  const sequel = sequelOf(run, attempt);
  // The run's reason is that of its last attempt, once nothing follows.
  const own = lost && sequel === null ? run.state_reason : null;
  const told = (failure: FailureClass | null, otherwise: string | null): IFailure => ({
    failure: attempt.failure_class ?? failure,
    reason: own ?? otherwise,
    sequel
  });
  switch (attempt.state) {
    case 'failed':
      return told(null, null);
    case 'timed_out':
      return told('timeout', trans.__('This attempt reached the time limit.'));
    case 'lost':
      return told('infrastructure', trans.__('The host of this attempt was lost.'));
    case 'cancelled':
      // Where nobody asked for it, its host was stopped.
      return run.state === 'cancelled' || (run.cancel_requested && sequel === 'due')
        ? null
        : told('infrastructure', trans.__('The host of this attempt was stopped.'));
    default:
      return null;
  }
}

function sequelOf(run: Run, attempt: Attempt): Sequel {
  const later = (run.attempts ?? []).find(one => one.number > attempt.number);
  return later ?? (ended(run.state) ? null : 'due');
}

/** A class of failure in words. */
export function failureName(
  trans: TranslationBundle,
  failure: FailureClass | null | undefined
): string {
  switch (failure) {
    case 'out_of_memory':
      return trans.__('Out of memory');
    case 'infrastructure':
      return trans.__('Platform failure');
    case 'timeout':
      return trans.__('Time limit reached');
    default:
      return trans.__('Error in the notebook');
  }
}

/** Whether an attempt was repeated, in words. */
export function repeatedText(
  trans: TranslationBundle,
  attempt: Attempt | undefined,
  sequel: Sequel
): string {
  if (sequel === 'due') {
    return trans.__('another attempt follows');
  }
  if (sequel) {
    return trans.__('repeated as attempt %1', sequel.number);
  }
  return attempt && attempt.number > 1
    ? trans.__('attempt %1', attempt.number)
    : trans.__('not repeated');
}

/** What one can do about a failed attempt. */
export function failureAdvice(
  trans: TranslationBundle,
  run: Run,
  attempt: Attempt | undefined,
  { failure, sequel }: IFailure
): string {
  if (!attempt) {
    return trans.__('It was never started; no cell was executed.');
  }
  switch (failure) {
    case 'out_of_memory':
      return [
        trans.__('The notebook needed more memory than its profile allows.'),
        sequelText(trans, attempt, sequel),
        trans.__('Publish it with a larger profile, or let it hold less data at once.')
      ].join(' ');
    case 'infrastructure':
      return [
        trans.__('The platform lost this attempt; the notebook is not to blame.'),
        sequel ? sequelText(trans, attempt, sequel) : lostForGood(trans, run)
      ].join(' ');
    case 'timeout':
      if (missedDeadline(run, attempt)) {
        return laterDeadline(trans, run);
      }
      return [
        trans.__('It took longer than its time limit.'),
        sequelText(trans, attempt, sequel),
        trans.__('Publish it with a longer limit, or run it with less work.')
      ].join(' ');
    default:
      if (sequel) {
        return sequelText(trans, attempt, sequel);
      }
      return (errorOf(attempt)?.cell ?? null) === null
        ? mendThat(trans, run)
        : mendCell(trans, run);
  }
}

/** The deadline of its run that an attempt missed; null where another limit ended it. */
export function missedDeadline(run: Run, attempt: Attempt | undefined): string | null {
  const { deadline } = run;
  // What took a cell too long has an error that says so.
  const over = attempt?.state === 'timed_out' && !errorOf(attempt) && attempt.ended_at;
  return deadline && over && Date.parse(over) >= Date.parse(deadline) ? deadline : null;
}

/** The error of an attempt, which may be only one of its tasks'. */
export function errorOf(attempt: Attempt | undefined): CellError | null {
  return attempt?.error ?? attempt?.tasks?.find(task => task.error)?.error ?? null;
}

function sequelText(trans: TranslationBundle, attempt: Attempt, sequel: Sequel): string {
  if (sequel === 'due') {
    return trans.__('The run goes on with another attempt.');
  }
  if (!sequel) {
    return '';
  }
  return sequel.profile && sequel.profile !== attempt.profile
    ? trans.__('Attempt %1 had the profile %2.', sequel.number, sequel.profile)
    : trans.__('Attempt %1 followed.', sequel.number);
}

/** What to do where the platform failed and nothing follows. */
function lostForGood(trans: TranslationBundle, run: Run): string {
  if (run.state === 'cancelled' || run.state === 'skipped') {
    return trans.__('It was not repeated: the run ended before.');
  }
  switch (run.kind) {
    case 'rehearsal':
      return trans.__(
        'It was repeated as often as the version allows; publish the notebook again to rehearse it once more.'
      );
    case 'trial':
      return trans.__(
        'It was repeated as often as the version allows; “Try again…” starts another trial.'
      );
    default:
      return trans.__(
        'It was repeated as often as the version allows; Retry repeats it once more.'
      );
  }
}

function laterDeadline(trans: TranslationBundle, run: Run): string {
  if (run.kind === 'trial') {
    return trans.__('“Try again…” takes a later deadline, or none.');
  }
  return run.trigger === 'schedule'
    ? trans.__('Retry repeats it without a deadline; that of the next ones is its schedule’s.')
    : trans.__('Retry repeats it without a deadline; “Run again…” takes a later one, or none.');
}

/** What to do where no cell failed, such as where a secret or a kernel is missing. */
function mendThat(trans: TranslationBundle, run: Run): string {
  switch (run.kind) {
    case 'rehearsal':
      return trans.__('Publish the notebook again once that is mended.');
    case 'trial':
      return trans.__('Once that is mended, “Try again…” starts another trial.');
    default:
      return trans.__('Once that is mended, Retry repeats it, or publish the next version.');
  }
}

function mendCell(trans: TranslationBundle, run: Run): string {
  switch (run.kind) {
    case 'rehearsal':
      return trans.__(
        'Repeating it unchanged fails the same way. Mend the cell in JupyterLab and publish the notebook again.'
      );
    case 'trial':
      return trans.__(
        'Repeating it unchanged fails the same way. Mend the cell in JupyterLab and publish the next version, or try it with other parameters.'
      );
    default:
      return trans.__(
        'Repeating it unchanged fails the same way. Mend the cell in JupyterLab and publish the next version, or run it with other parameters.'
      );
  }
}
