/** Toasts: how my rehearsals and my runs ended, wherever in the lab I am by then. */
import { Notification } from '@jupyterlab/apputils';
import type { GalleyEvent } from '../api/types';
import type { Place } from '../model/place';
import { TOAST, type IGalleyLab, type LabGalley } from './galley';

export interface INotice {
  kind: 'success' | 'error' | 'warning' | 'info';
  text: string;
  place: Place;
}

export class Notices {
  constructor(
    private readonly lab: IGalleyLab,
    private readonly aboutFailures: () => boolean
  ) {}

  follow(galley: LabGalley): void {
    galley.events.received.connect((_, event) => void this.hear(galley, event));
  }

  private async hear(galley: LabGalley, event: GalleyEvent): Promise<void> {
    const me = galley.me.value?.user;
    const data = event.data;
    if (!me || this.lab.watched.has(event.subject) || this.isKnown(event)) {
      return;
    }
    let notice: INotice | null = null;
    if (event.kind === 'version.changed' && data.author === me) {
      notice = versionNotice(this.lab.trans, event);
    } else if (event.kind === 'run.changed' && data.kind === 'pipeline') {
      const concerns = data.requested_by === me || (await this.isMine(galley, event, me));
      notice = concerns ? runNotice(this.lab.trans, event) : null;
    }
    if (notice) {
      show(galley, notice, this.lab.trans.__('Open'));
    }
  }

  /** Whether a run that nobody started failed in a pipeline of mine. */
  private async isMine(galley: LabGalley, event: GalleyEvent, me: string): Promise<boolean> {
    const { state } = event.data;
    if (!this.aboutFailures() || (state !== 'failed' && state !== 'timed_out')) {
      return false;
    }
    try {
      return (await galley.client.pipeline(event.tenant, event.pipeline)).owner === me;
    } catch {
      return false;
    }
  }

  /** Whether this state of the thing was heard of before. */
  private isKnown(event: GalleyEvent): boolean {
    const state = String(event.data.state);
    if (this.states.get(event.subject) === state) {
      return true;
    }
    this.states.set(event.subject, state);
    return false;
  }

  private readonly states = new Map<string, string>();
}

function show(galley: LabGalley, notice: INotice, label: string): void {
  Notification.emit(notice.text, notice.kind, {
    autoClose: notice.kind === 'error' ? 2 * TOAST : TOAST,
    actions: [{ label, callback: () => galley.go(notice.place) }]
  });
}

type Trans = IGalleyLab['trans'];

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
