/** A Lumino widget that shows a React element, with what Galley's components need around it. */
import * as React from 'react';
import { ReactWidget } from '@jupyterlab/apputils';
import { GalleyProvider } from '../components/context';
import type { IGalley } from '../model/galley';

export class GalleyRoot extends ReactWidget {
  constructor(
    private readonly galley: IGalley,
    private readonly draw: () => JSX.Element
  ) {
    super();
    this.addClass('jp-Galley');
  }

  protected render(): JSX.Element {
    return React.createElement(GalleyProvider, { value: this.galley }, this.draw());
  }
}
