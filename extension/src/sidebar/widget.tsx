/** The panel in the left area, its icon with the count of what waits; also without a Galley. */
import * as React from 'react';
import { PanelWithToolbar, ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import { Problem } from '../api/problem';
import type { IGalleyLab } from '../lab/galley';
import { galleyIcon } from '../lab/icons';
import { SIDEBAR } from '../lab/names';
import { GalleyRoot } from '../lab/root';
import { SidebarModel } from './model';
import { SidebarPanel } from './panel';

export class Sidebar extends PanelWithToolbar {
  constructor(private readonly lab: IGalleyLab) {
    super();
    this.id = SIDEBAR;
    this.title.icon = galleyIcon;
    this.addClass('jp-Galley-sidebar');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', lab.trans.__('Galley'));
    this.label(0);
    lab.found.changed.connect(this.follow, this);
    this.follow();
  }

  override dispose(): void {
    this.lab.found.changed.disconnect(this.follow, this);
    this.model?.dispose();
    super.dispose();
  }

  private follow(): void {
    const galley = this.lab.found.value;
    if (galley && !this.model) {
      const model = new SidebarModel(galley, galley.homeTenant);
      model.changed.connect(() => this.label(model.waiting));
      this.model = model;
      this.show_(new GalleyRoot(galley, () => <SidebarPanel model={model} />));
    } else if (!galley) {
      this.show_(ReactWidget.create(<Missing lab={this.lab} />));
    }
  }

  private show_(content: Widget): void {
    this.content?.dispose();
    this.content = content;
    content.addClass('jp-Galley');
    content.addClass('jp-Galley-sidebarContent');
    this.addWidget(content);
  }

  /** The number stands beside the icon, and in its words for screen readers. */
  private label(waiting: number): void {
    const { trans } = this.lab;
    this.title.dataset = { id: this.id, 'galley-count': waiting > 99 ? '99+' : String(waiting) };
    this.title.className = waiting ? 'jp-Galley-tabCount' : '';
    this.title.caption = waiting
      ? trans._n('Galley: %1 version waits for you', 'Galley: %1 versions wait for you', waiting)
      : trans.__('Galley: pipelines, runs and reviews');
  }

  private content: Widget | null = null;
  private model: SidebarModel | null = null;
}

/** The sidebar of a lab without Galley: why, and what to do. */
function Missing({ lab }: { lab: IGalleyLab }): JSX.Element {
  const { trans, found } = lab;
  if (!found.problem) {
    return <p className="jp-Galley-empty">{trans.__('Looking for Galley…')}</p>;
  }
  const problem = Problem.from(found.problem);
  const text =
    problem.status === 404
      ? trans.__(
          'The server half of this extension is not loaded. “jupyter server extension enable galley_lab” does so.'
        )
      : problem.message;
  return (
    <div className="jp-Galley-empty">
      <div className="jp-Galley-emptyTitle">{trans.__('No Galley here')}</div>
      <p>{text}</p>
      <button
        type="button"
        className="jp-Galley-button jp-mod-plain"
        onClick={() => void found.refresh()}
      >
        {trans.__('Look again')}
      </button>
    </div>
  );
}
