/** The plugins of the lab extension; what they do is in the folders beside. */
import {
  ILayoutRestorer,
  IRouter,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addDebugging } from './debug/plugin';
import { addComparing } from './hidden/plugin';
import { GalleyLab, IGalleyLab } from './lab/galley';
import { Notices } from './lab/notices';
import { Pages } from './lab/pages';
import { whenFound } from './lab/when-found';
import { addPublishing } from './publish/plugin';
import { Sidebar } from './sidebar/widget';

const lab: JupyterFrontEndPlugin<IGalleyLab> = {
  id: 'galley-lab:lab',
  description: 'Finds Galley through this Jupyter server.',
  autoStart: true,
  provides: IGalleyLab,
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, translator: ITranslator | null) => {
    const galley = new GalleyLab(app, (translator ?? nullTranslator).load('galley_lab'));
    void app.serviceManager.ready.then(() => galley.found.refresh());
    return galley;
  }
};

const pages: JupyterFrontEndPlugin<void> = {
  id: 'galley-lab:pages',
  description: 'Opens pipelines, runs and reviews in the main area.',
  autoStart: true,
  requires: [IGalleyLab],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    galley: IGalleyLab,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const opened = new Pages(app, galley);
    if (palette) {
      opened.addTo(palette);
    }
    if (restorer) {
      opened.restore(restorer);
    }
  }
};

const publishing: JupyterFrontEndPlugin<void> = {
  id: 'galley-lab:plugin',
  description: 'Publishes the open notebook: button, badge, command and dialog.',
  autoStart: true,
  requires: [IGalleyLab, INotebookTracker],
  optional: [IToolbarWidgetRegistry, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    galley: IGalleyLab,
    notebooks: INotebookTracker,
    toolbar: IToolbarWidgetRegistry | null,
    palette: ICommandPalette | null
  ) => {
    const items = addPublishing(app, galley, notebooks, palette);
    toolbar?.addFactory<NotebookPanel>('Notebook', 'galley-publish', items.button);
    toolbar?.addFactory<NotebookPanel>('Notebook', 'galley-badge', items.badge);
  }
};

const comparing: JupyterFrontEndPlugin<void> = {
  id: 'galley-lab:comparing',
  description: 'Compares the session of the open notebook with its clean run.',
  autoStart: true,
  requires: [IGalleyLab, INotebookTracker],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    galley: IGalleyLab,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null
  ) => addComparing(app, galley, notebooks, palette)
};

const debugging: JupyterFrontEndPlugin<void> = {
  id: 'galley-lab:debugging',
  description: 'Opens the notebook of a failed run, with its values, to go through it here.',
  autoStart: true,
  requires: [IGalleyLab, INotebookTracker],
  optional: [ICommandPalette, IRouter],
  activate: (
    app: JupyterFrontEnd,
    galley: IGalleyLab,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    router: IRouter | null
  ) => addDebugging(app, galley, notebooks, palette, router)
};

const sidebar: JupyterFrontEndPlugin<void> = {
  id: 'galley-lab:sidebar',
  description: 'Lists what waits, runs and pipelines in the left area.',
  autoStart: true,
  requires: [IGalleyLab],
  optional: [ILayoutRestorer],
  activate: (app: JupyterFrontEnd, galley: IGalleyLab, restorer: ILayoutRestorer | null) => {
    const panel = new Sidebar(galley);
    restorer?.add(panel, panel.id);
    app.shell.add(panel, 'left', { rank: 350, type: 'Galley' });
  }
};

const notices: JupyterFrontEndPlugin<void> = {
  id: 'galley-lab:notices',
  description: 'Tells how my rehearsals and runs ended.',
  autoStart: true,
  requires: [IGalleyLab],
  optional: [ISettingRegistry],
  activate: async (_: JupyterFrontEnd, galley: IGalleyLab, registry: ISettingRegistry | null) => {
    const settings = await registry?.load(publishing.id).catch(() => undefined);
    const told = new Notices(galley, () => (settings?.composite.notifyFailures ?? true) !== false);
    whenFound(galley, found => told.follow(found));
  }
};

export default [lab, pages, publishing, comparing, debugging, sidebar, notices];
