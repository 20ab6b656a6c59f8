import * as React from 'react';
import { createRoot } from 'react-dom/client';
import { runIcon } from '@jupyterlab/ui-components';
import '@jupyterlab/theme-light-extension/style/variables.css';
import '@jupyterlab/theme-dark-extension/style/variables.css';
import '@jupyterlab/ui-components/style/index.css';
import '../../style/base.css';

createRoot(document.getElementById('galley')!).render(<runIcon.react />);
