import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'galley-lab:plugin',
  autoStart: true,
  activate: () => undefined
};

export default plugin;
