/** Galley's own page, for those who need no server of their own. */
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import '@jupyterlab/theme-light-extension/style/variables.css';
import '@jupyterlab/theme-dark-extension/style/variables.css';
import '@jupyterlab/ui-components/style/icons.css';
import '../../style/base.css';
import '../../style/standalone.css';
import { App } from './app';
import { PageGalley } from './galley';

createRoot(document.getElementById('galley')!).render(<App galley={new PageGalley(window)} />);
