/** Opens the publish dialog for a notebook, and keeps what was typed until it is published. */
import * as React from 'react';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { CommandRegistry } from '@lumino/commands';
import { createRoot } from 'react-dom/client';
import { GalleyProvider } from '../components/context';
import { PanelSession } from '../hidden/session';
import type { IGalleyLab, LabGalley } from '../lab/galley';
import type { IGalley } from '../model/galley';
import { PublishDialog } from './dialog';
import type { IDraft } from './draft';
import { goToCell, refuse, save, stateOf, tagParameters } from './notebook';
import { PublishSession } from './session';

export class Publisher {
  constructor(
    private readonly lab: IGalleyLab,
    private readonly commands: CommandRegistry
  ) {}

  /** Ask for everything and publish; says in words why a notebook cannot be. */
  async publish(panel: NotebookPanel): Promise<void> {
    await panel.context.ready;
    const { trans, found } = this.lab;
    if (!found.value) {
      await found.refresh();
    }
    const galley = found.value;
    if (!galley) {
      return this.say(found.problem?.message ?? trans.__('Galley does not answer.'));
    }
    const refused = refuse(trans, stateOf(panel));
    if (refused) {
      return this.refuse(panel, refused);
    }
    try {
      await save(trans, panel);
    } catch (error) {
      return this.say(error instanceof Error ? error.message : String(error));
    }
    this.open(galley, panel);
  }

  private open(galley: LabGalley, panel: NotebookPanel): void {
    if (this.isOpen) {
      return;
    }
    const { trans, bridge, watched } = this.lab;
    const path = panel.context.localPath;
    const session = new PublishSession({
      galley,
      bridge,
      path,
      tenant: galley.homeTenant,
      kept: this.drafts.get(path) ?? null,
      live: new PanelSession(panel, trans),
      save: () => save(trans, panel),
      tag: (cell, on) => tagParameters(panel, cell, on),
      watched
    });
    const host = document.createElement('div');
    const root = createRoot(host);
    this.isOpen = true;
    const close = (): void => {
      if (session.published) {
        this.drafts.delete(path);
      } else if (session.draft) {
        this.drafts.set(path, session.draft);
      }
      root.unmount();
      session.dispose();
      this.isOpen = false;
      panel.activate();
    };
    const onCell = (cell: number): void => {
      close();
      void goToCell(panel, cell);
    };
    root.render(
      <GalleyProvider value={{ ...bound(galley), go: place => (close(), galley.go(place)) }}>
        <PublishDialog session={session} onClose={close} onCell={onCell} />
      </GalleyProvider>
    );
  }

  private async refuse(panel: NotebookPanel, reason: string): Promise<void> {
    const { trans } = this.lab;
    const untitled = /^untitled\d*\.ipynb$/i.test(panel.context.localPath.split('/').pop() ?? '');
    const rename = Dialog.okButton({ label: trans.__('Rename…') });
    const close = Dialog.cancelButton({ label: trans.__('Close') });
    const { button } = await showDialog({
      title: trans.__('This notebook cannot be published yet'),
      body: reason,
      buttons: untitled ? [close, rename] : [Dialog.okButton({ label: trans.__('Close') })]
    });
    if (untitled && button.accept) {
      panel.activate();
      await this.commands.execute('docmanager:rename');
    }
  }

  private async say(reason: string): Promise<void> {
    const { trans } = this.lab;
    await showDialog({
      title: trans.__('This notebook cannot be published'),
      body: reason,
      buttons: [Dialog.okButton({ label: trans.__('Close') })]
    });
  }

  private isOpen = false;
  private readonly drafts = new Map<string, IDraft>();
}

/** Galley as plain properties: a spread takes no methods of a class along. */
function bound(galley: LabGalley): Omit<IGalley, 'go'> {
  const { client, events, me, trans, decidesHere, homeTenant } = galley;
  return {
    client,
    events,
    me,
    trans,
    decidesHere,
    homeTenant,
    href: place => galley.href(place),
    openWindow: place => galley.openWindow(place),
    debug: (run, attempt, task) => galley.debug(run, attempt, task),
    notify: (message, kind) => galley.notify(message, kind)
  };
}
