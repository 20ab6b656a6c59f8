/** Toasts: how my rehearsals and my runs ended, wherever in the lab I am by then. */
import { Notification } from '@jupyterlab/apputils';
import type { GalleyEvent } from '../api/types';
import { runNotice, versionNotice, type INotice } from './notice-texts';
import { TOAST, type IGalleyLab, type LabGalley } from './galley';

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
