/** The badge beside the Publish button; follows the notebook and the service. */
import * as React from 'react';
import { ReactWidget } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Message } from '@lumino/messaging';
import type { GalleyEvent, INotebook } from '../api/types';
import { Badge } from '../components/glyph';
import type { IGalleyLab, LabGalley } from '../lab/galley';
import { Resource } from '../model/resource';
import { cellsOf } from './notebook';
import { badgeOf, type IStanding } from './standing';

/** A pause in typing before the cells are compared, milliseconds. */
const QUIET = 800;

export class BadgeWidget extends ReactWidget {
  constructor(
    private readonly lab: IGalleyLab,
    private readonly panel: NotebookPanel
  ) {
    super();
    this.addClass('jp-Galley');
    this.addClass('jp-Galley-notebookBadge');
    lab.found.changed.connect(this.attachTo, this);
    panel.context.pathChanged.connect(this.reload, this);
    void panel.context.ready.then(() => {
      if (!this.isDisposed) {
        panel.context.model.contentChanged.connect(this.onContent, this);
        this.attachTo();
      }
    });
  }

  override dispose(): void {
    clearTimeout(this.timer);
    this.lab.found.changed.disconnect(this.attachTo, this);
    this.panel.context.pathChanged.disconnect(this.reload, this);
    this.panel.context.model?.contentChanged.disconnect(this.onContent, this);
    this.standing?.dispose();
    super.dispose();
  }

  protected override onBeforeShow(message: Message): void {
    super.onBeforeShow(message);
    this.update();
  }

  protected render(): JSX.Element {
    const standing = this.standing?.value;
    const { galley } = this;
    if (!standing || !galley) {
      return <></>;
    }
    const { word, title, place } = badgeOf(this.lab.trans, standing, cellsOf(this.panel));
    return place ? (
      <button
        type="button"
        className="jp-Galley-badgeButton"
        title={title}
        onClick={() => galley.go(place)}
      >
        <Badge word={word} />
      </button>
    ) : (
      <span title={title}>
        <Badge word={word} />
      </span>
    );
  }

  private attachTo(): void {
    const galley = this.lab.found.value;
    if (!galley || this.galley || !this.panel.context.isReady) {
      return;
    }
    this.galley = galley;
    this.standing = new Resource(() => this.find(galley));
    this.standing.changed.connect(() => this.update());
    this.standing.follow(galley.events, event => this.concerns(event));
    void this.standing.refresh();
  }

  private reload(): void {
    void this.standing?.refresh();
  }

  private onContent(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.update(), QUIET);
  }

  /** An event of this pipeline; before there is one, any new version may be of this notebook. */
  private concerns(event: GalleyEvent): boolean {
    if (!event.kind.startsWith('version.') && event.kind !== 'pipeline.changed') {
      return false;
    }
    const pipeline = this.standing?.value?.pipeline;
    return pipeline ? event.pipeline === pipeline.slug : event.kind === 'version.changed';
  }

  private async find(galley: LabGalley): Promise<IStanding> {
    const { client, homeTenant, me } = galley;
    const path = this.panel.context.localPath;
    const page = await client.pipelines(homeTenant, { source_path: path, limit: 10 });
    const mine = page.items.find(one => one.owner === me.value?.user);
    const pipeline = mine ?? page.items[0] ?? null;
    if (!pipeline) {
      return { pipeline: null, latest: null, base: null };
    }
    const versions = await client.versions(homeTenant, pipeline.slug, { limit: 25 });
    const shown = versions.items.filter(one => !one.rehearse_only || one.state === 'rehearsing');
    const live = versions.items.find(one => one.number === pipeline.live_version);
    const latest = shown[0] ?? null;
    const compared = live ?? latest;
    const base = compared
      ? { number: compared.number, notebook: await this.notebook(galley, compared.id) }
      : null;
    return { pipeline, latest, base };
  }

  /** The notebook of a version, which never changes. */
  private async notebook(galley: LabGalley, id: string): Promise<INotebook> {
    if (this.kept?.id !== id) {
      this.kept = { id, notebook: await galley.client.versionNotebook(id) };
    }
    return this.kept.notebook;
  }

  private galley: LabGalley | null = null;
  private standing: Resource<IStanding> | null = null;
  private kept: { id: string; notebook: INotebook } | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
}
