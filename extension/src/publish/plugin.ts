/** The command, its places in palette and context, and the badge of each notebook. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { CommandToolbarButton, type ICommandPalette } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { IGalleyLab } from '../lab/galley';
import { publishIcon } from '../lab/icons';
import { Commands, PALETTE } from '../lab/names';
import { BadgeWidget } from './badge';
import { Publisher } from './publisher';

/** Makers of a notebook toolbar's items; their names and ranks are in schema/plugin.json. */
export interface IToolbarItems {
  button: (panel: NotebookPanel) => CommandToolbarButton;
  badge: (panel: NotebookPanel) => BadgeWidget;
}

/** Add the command. */
export function addPublishing(
  app: JupyterFrontEnd,
  lab: IGalleyLab,
  notebooks: INotebookTracker,
  palette: ICommandPalette | null
): IToolbarItems {
  const { trans } = lab;
  const publisher = new Publisher(lab, app.commands);
  const configured = (): boolean => lab.found.problem?.code !== 'not-configured';
  app.commands.addCommand(Commands.publish, {
    label: trans.__('Publish Notebook…'),
    caption: () =>
      configured()
        ? trans.__('Publish this notebook as a pipeline')
        : trans.__('Galley is not set up on this Jupyter server'),
    icon: publishIcon,
    isEnabled: () => notebooks.currentWidget !== null && configured(),
    execute: async args => {
      const panel = notebooks.find(one => one.id === args.panel) ?? notebooks.currentWidget;
      if (panel) {
        await publisher.publish(panel);
      }
    }
  });
  palette?.addItem({ command: Commands.publish, category: PALETTE });
  lab.found.changed.connect(() => app.commands.notifyCommandChanged(Commands.publish));
  notebooks.currentChanged.connect(() => app.commands.notifyCommandChanged(Commands.publish));
  return {
    // The button belongs to its notebook, whichever is the current one.
    button: panel =>
      new CommandToolbarButton({
        commands: app.commands,
        id: Commands.publish,
        args: { panel: panel.id },
        label: trans.__('Publish')
      }),
    badge: panel => new BadgeWidget(lab, panel)
  };
}
