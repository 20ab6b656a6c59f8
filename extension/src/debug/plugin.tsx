/** Commands that bring the notebook of a run into this lab and run it up to the failed cell. */
import * as React from 'react';
import type { IRouter, JupyterFrontEnd } from '@jupyterlab/application';
import { Notification, type ICommandPalette } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { createRoot } from 'react-dom/client';
import type { DebugPlan } from '../api/types';
import { GalleyProvider } from '../components/context';
import type { IDebugAttempt } from '../lab/bridge';
import type { IGalleyLab, LabGalley } from '../lab/galley';
import { galleyIcon } from '../lab/icons';
import { Commands, PALETTE } from '../lab/names';
import { Resource } from '../model/resource';
import { goToCell } from '../publish/notebook';
import { DebugDialog } from './dialog';
import { failedCell, runToFailed } from './failed-cell';

/** The standalone page leads here: `/lab?galley-debug=RUN&attempt=1&task=fit`. */
const ADDRESS = /[?&]galley-debug=/;

export function addDebugging(
  app: JupyterFrontEnd,
  lab: IGalleyLab,
  notebooks: INotebookTracker,
  palette: ICommandPalette | null,
  router: IRouter | null
): void {
  const { trans } = lab;
  app.commands.addCommand(Commands.debugRun, {
    label: trans.__('Debug Run'),
    icon: galleyIcon,
    execute: async args => {
      const attempt = attemptOf(args);
      if (!attempt) {
        return;
      }
      if (!lab.found.value) {
        await lab.found.refresh();
      }
      if (lab.found.value) {
        ask(app, lab, lab.found.value, attempt);
      } else {
        const message = lab.found.problem?.message ?? trans.__('Galley does not answer.');
        Notification.error(message, { autoClose: 8000 });
      }
    }
  });
  app.commands.addCommand(Commands.runToFailed, {
    label: trans.__('Run Up to the Failed Cell'),
    caption: trans.__('Run what is above the cell at which the run failed, and stop there'),
    icon: galleyIcon,
    isEnabled: () => {
      const panel = notebooks.currentWidget;
      return panel !== null && failedCell(panel) >= 0;
    },
    execute: () => notebooks.currentWidget && runToFailed(notebooks.currentWidget)
  });
  palette?.addItem({ command: Commands.runToFailed, category: PALETTE });
  notebooks.currentChanged.connect(() => app.commands.notifyCommandChanged(Commands.runToFailed));
  router?.register({ command: Commands.debugRun, pattern: ADDRESS });
}

/** Which attempt a command was given, by its own arguments or by the address. */
export function attemptOf(args: ReadonlyPartialJSONObject): IDebugAttempt | null {
  const asked = typeof args.search === 'string' ? new URLSearchParams(args.search) : null;
  const run = asked ? asked.get('galley-debug') : args.id;
  const attempt = Number(asked ? asked.get('attempt') : args.attempt);
  const task = asked ? asked.get('task') : args.task;
  if (typeof run !== 'string' || !Number.isInteger(attempt) || attempt < 1) {
    return null;
  }
  return { run, attempt, task: typeof task === 'string' && task ? task : null };
}

function ask(
  app: JupyterFrontEnd,
  lab: IGalleyLab,
  galley: LabGalley,
  attempt: IDebugAttempt
): void {
  const plan = new Resource<DebugPlan>(() => lab.bridge.debug(attempt));
  void plan.refresh();
  const root = createRoot(document.createElement('div'));
  const close = (): void => {
    root.unmount();
    plan.dispose();
  };
  root.render(
    <GalleyProvider value={galley}>
      <DebugDialog
        plan={plan}
        write={replace => lab.bridge.debug(attempt, true, replace)}
        make={() => lab.bridge.makeEnvironment(attempt)}
        open={written => {
          close();
          void open(app, lab, written);
        }}
        onClose={close}
      />
    </GalleyProvider>
  );
}

async function open(app: JupyterFrontEnd, lab: IGalleyLab, plan: DebugPlan): Promise<void> {
  const { trans } = lab;
  // The kernel of the run's environment may have been added this moment.
  await app.serviceManager.kernelspecs.refreshSpecs().catch(() => undefined);
  const panel = (await app.commands.execute('docmanager:open', {
    path: plan.notebook,
    factory: 'Notebook'
  })) as NotebookPanel | undefined;
  if (!panel) {
    return;
  }
  await panel.context.ready;
  await panel.revealed;
  app.commands.notifyCommandChanged(Commands.runToFailed);
  const index = failedCell(panel);
  if (index < 0) {
    return;
  }
  await goToCell(panel, index);
  Notification.info(trans.__('The run failed in the cell that is selected now.'), {
    autoClose: 15000,
    actions: [
      {
        label: trans.__('Run up to it'),
        callback: () => void runToFailed(panel)
      }
    ]
  });
}
