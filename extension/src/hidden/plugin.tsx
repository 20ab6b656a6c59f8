/** The command that compares the session of the open notebook with its clean run. */
import * as React from 'react';
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification, type ICommandPalette } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { createRoot } from 'react-dom/client';
import { Button } from '../components/basics';
import { GalleyProvider, useTrans } from '../components/context';
import { Modal } from '../components/modal';
import { middle } from '../format/names';
import type { IGalleyLab, LabGalley } from '../lab/galley';
import { galleyIcon } from '../lab/icons';
import { Commands, PALETTE } from '../lab/names';
import { Resource } from '../model/resource';
import { goToCell } from '../publish/notebook';
import { cleanVersion, compare, type IOutcome } from './comparison';
import { PanelSession } from './session';
import { ComparisonView } from './view';

export function addComparing(
  app: JupyterFrontEnd,
  lab: IGalleyLab,
  notebooks: INotebookTracker,
  palette: ICommandPalette | null
): void {
  const { trans } = lab;
  app.commands.addCommand(Commands.compareSession, {
    label: trans.__('Compare My Session with the Clean Run'),
    caption: trans.__('Which variables, outputs and cells differ from a run from top to bottom'),
    icon: galleyIcon,
    isEnabled: () =>
      notebooks.currentWidget !== null && lab.found.problem?.code !== 'not-configured',
    execute: async () => {
      const panel = notebooks.currentWidget;
      if (!panel) {
        return;
      }
      await panel.context.ready;
      if (!lab.found.value) {
        await lab.found.refresh();
      }
      if (lab.found.value) {
        open(lab, lab.found.value, panel);
      } else {
        Notification.error(lab.found.problem?.message ?? trans.__('Galley does not answer.'), {
          autoClose: 8000
        });
      }
    }
  });
  palette?.addItem({ command: Commands.compareSession, category: PALETTE });
  const changed = (): void => app.commands.notifyCommandChanged(Commands.compareSession);
  lab.found.changed.connect(changed);
  notebooks.currentChanged.connect(changed);
}

function open(lab: IGalleyLab, galley: LabGalley, panel: NotebookPanel): void {
  const session = new PanelSession(panel, lab.trans);
  const path = panel.context.localPath;
  const outcome = new Resource<IOutcome>(async () =>
    compare(galley, lab.bridge, session, await cleanVersion(galley, path))
  );
  void outcome.refresh();
  const root = createRoot(document.createElement('div'));
  const close = (): void => {
    root.unmount();
    outcome.dispose();
    panel.activate();
  };
  root.render(
    <GalleyProvider value={galley}>
      <CompareDialog
        name={path.split('/').pop() ?? ''}
        outcome={outcome}
        onClose={close}
        onCell={cell => {
          close();
          void goToCell(panel, cell);
        }}
      />
    </GalleyProvider>
  );
}

export function CompareDialog(props: {
  name: string;
  outcome: Resource<IOutcome>;
  onClose: () => void;
  onCell: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  return (
    <Modal
      title={trans.__('Your session of %1', middle(props.name, 50))}
      onClose={props.onClose}
      footer={<Button kind="accept" label={trans.__('Close')} onClick={props.onClose} />}
    >
      <p className="jp-Galley-muted">
        {trans.__(
          'What your kernel holds, beside a clean run from top to bottom. Variables are compared by fingerprints of their values, outputs as they stand in the notebook.'
        )}
      </p>
      <ComparisonView outcome={props.outcome} onCell={props.onCell} />
    </Modal>
  );
}
