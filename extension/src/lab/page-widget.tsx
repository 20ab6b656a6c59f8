/** The content of a tab: the page of one pipeline, run or review, under a banner for the connection. */
import * as React from 'react';
import { Signal, type ISignal } from '@lumino/signaling';
import { Empty } from '../components/basics';
import { CalendarView } from '../components/calendar';
import { ComparePage } from '../components/compare-page';
import { PipelinePage } from '../components/pipeline-page';
import { ReviewPage } from '../components/review-page';
import { RunPage } from '../components/run-page';
import type { Place } from '../model/place';
import { ConnectionBanner } from '../components/connection';
import { DrainBanner } from '../components/drained';
import type { LabGalley } from './galley';
import { GalleyRoot } from './root';

export class PlaceWidget extends GalleyRoot {
  constructor(
    private readonly owner: LabGalley,
    place: Place
  ) {
    super(owner, () => this.page());
    this.addClass('jp-Galley-tab');
    this.shown = place;
    void this.findName();
  }

  /** What the tab shows; its tab within the page included, so that a reload comes back to it. */
  get place(): Place {
    return this.shown;
  }

  get name(): string {
    const { trans } = this.owner;
    switch (this.shown.kind) {
      case 'pipeline':
        return this.shown.slug;
      case 'run':
        return trans.__('Run');
      case 'compare':
        return trans.__('Two runs');
      case 'review':
        return trans.__('Review');
      case 'calendar':
        return trans.__('Calendar');
      default:
        return trans.__('Galley');
    }
  }

  /** A better name for the tab became known. */
  get named(): ISignal<this, string> {
    return this._named;
  }

  /** Another part of the place is shown. */
  get moved(): ISignal<this, void> {
    return this._moved;
  }

  /** Show another part of the same place. */
  moveTo(place: Place): void {
    if (place.kind !== 'pipeline' || place.tab) {
      this.shown = place;
      this.update();
      this._moved.emit();
    }
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  private page(): JSX.Element {
    return (
      <>
        <ConnectionBanner />
        <DrainBanner />
        {this.content()}
      </>
    );
  }

  private content(): JSX.Element {
    const place = this.shown;
    switch (place.kind) {
      case 'pipeline':
        return (
          <PipelinePage
            tenant={place.tenant}
            slug={place.slug}
            tab={place.tab}
            onTab={tab => this.moveTo({ ...place, tab })}
          />
        );
      case 'run':
        return <RunPage id={place.id} />;
      case 'compare':
        return <ComparePage left={place.left} right={place.right} />;
      case 'review':
        return <ReviewPage id={place.id} />;
      case 'calendar':
        return (
          <div className="jp-Galley-page" aria-label={this.owner.trans.__('Calendar')}>
            <header className="jp-Galley-head">
              <h2>{this.owner.trans.__('Calendar of %1', this.owner.homeTenant ?? '')}</h2>
            </header>
            <CalendarView
              scopes={this.owner.homeTenant ? [{ tenant: this.owner.homeTenant }] : []}
            />
          </div>
        );
      default:
        return <Empty title={this.owner.trans.__('There is nothing here.')} />;
    }
  }

  private async findName(): Promise<void> {
    const place = this.shown;
    const { client, trans } = this.owner;
    try {
      if (place.kind === 'pipeline') {
        this._named.emit((await client.pipeline(place.tenant, place.slug)).name);
      } else if (place.kind === 'run') {
        this._named.emit(trans.__('Run of %1', (await client.run(place.id)).pipeline_name));
      } else if (place.kind === 'review') {
        const version = await client.version(place.id);
        this._named.emit(trans.__('Review: %1 v%2', version.name, version.number));
      }
    } catch {
      // The page itself says why it cannot be shown; the tab keeps its plain name.
    }
  }

  private shown: Place;
  private readonly _moved = new Signal<this, void>(this);
  private readonly _named = new Signal<this, string>(this);
}
