/** What a toast says about an event; null where it is not worth one. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { GalleyEvent } from '../api/types';
import type { Place } from '../model/place';

export interface INotice {
  kind: 'success' | 'error' | 'warning' | 'info';
  text: string;
  place: Place;
}

type Trans = TranslationBundle;

export function versionNotice(trans: Trans, event: GalleyEvent): INotice | null {
  const { state, number, reason } = event.data;
  const name = `${event.pipeline} v${String(number)}`;
  const place: Place = { kind: 'review', id: event.subject };
  switch (state) {
    case 'in_review':
      return { kind: 'success', text: trans.__('%1 ran clean and waits for review.', name), place };
    case 'approved':
      return { kind: 'success', text: trans.__('%1 is approved.', name), place };
    case 'failed':
      return { kind: 'error', text: trans.__('%1: %2', name, failure(trans, reason)), place };
    case 'rejected':
      return { kind: 'warning', text: trans.__('%1 was rejected.', name), place };
    default:
      return null;
  }
}

export function runNotice(trans: Trans, event: GalleyEvent): INotice | null {
  const { state, reason } = event.data;
  const name = event.pipeline;
  const place: Place = { kind: 'run', id: event.subject };
  switch (state) {
    case 'succeeded':
      return { kind: 'success', text: trans.__('The run of %1 succeeded.', name), place };
    case 'cancelled':
      return { kind: 'info', text: trans.__('The run of %1 was cancelled.', name), place };
    case 'timed_out':
      return { kind: 'error', text: trans.__('The run of %1 took too long.', name), place };
    case 'failed':
      return {
        kind: 'error',
        text: trans.__('The run of %1 failed: %2', name, failure(trans, reason)),
        place
      };
    default:
      return null;
  }
}

function failure(trans: Trans, reason: unknown): string {
  return typeof reason === 'string' && reason ? reason : trans.__('see its page');
}
