/** What the sidebar lists: what waits for the reader, runs and pipelines, under one filter. */
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import type { Pipeline, Run, Version } from '../api/types';
import type { IGalley } from '../model/galley';
import { PagedList } from '../model/list';
import type { IChanging } from '../model/resource';
import { LISTS_EVERY, toldAmong } from '../model/told';
import { ended } from '../model/words';

export class SidebarModel implements IDisposable, IChanging {
  constructor(galley: IGalley, tenant: string) {
    const { client, events } = galley;
    this.reviews = new PagedList<Version>(
      (cursor, limit) => client.reviews({ cursor, limit }),
      50
    ).follow(events, event => event.kind === 'version.changed');
    this.runs = new PagedList<Run>(
      (cursor, limit) => client.runs(tenant, { kind: 'pipeline', cursor, limit }),
      25
    ).follow(
      events,
      event => event.tenant === tenant && event.kind === 'run.changed',
      LISTS_EVERY,
      toldAmong('items')
    );
    this.pipelines = new PagedList<Pipeline>(
      (cursor, limit) => client.pipelines(tenant, { cursor, limit }),
      100
    ).follow(
      events,
      event =>
        event.tenant === tenant &&
        (event.kind === 'pipeline.changed' ||
          event.kind === 'schedule.changed' ||
          event.kind === 'version.changed')
    );
    for (const list of this.lists) {
      list.changed.connect(() => this._changed.emit());
    }
    this.refresh();
  }

  readonly reviews: PagedList<Version>;
  readonly runs: PagedList<Run>;
  readonly pipelines: PagedList<Pipeline>;
  filter = '';

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this.reviews.isDisposed;
  }

  dispose(): void {
    this.lists.forEach(list => list.dispose());
    Signal.clearData(this);
  }

  /** How many versions wait for the reader's decision. */
  get waiting(): number {
    return this.reviews.items.length;
  }

  refresh(): void {
    this.lists.forEach(list => void list.refresh());
  }

  setFilter(filter: string): void {
    this.filter = filter;
    this._changed.emit();
  }

  get shownReviews(): Version[] {
    return this.reviews.items.filter(one =>
      matches(this.filter, one.name, one.pipeline, one.author)
    );
  }

  /** Running first, then the recent. */
  get shownRuns(): Run[] {
    return running(this.runs.items).filter(run =>
      matches(this.filter, run.pipeline_name, run.pipeline, run.requested_by ?? '')
    );
  }

  get shownPipelines(): Pipeline[] {
    return this.pipelines.items.filter(one => matches(this.filter, one.name, one.slug, one.owner));
  }

  private get lists(): PagedList<Version | Run | Pipeline>[] {
    return [this.reviews, this.runs, this.pipelines];
  }

  private readonly _changed = new Signal<this, void>(this);
}

/** Whether each word of the filter is in one of the texts. */
export function matches(filter: string, ...texts: string[]): boolean {
  const all = texts.join('\n').toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every(word => all.includes(word));
}

/** Runs that are under way before those that ended; within both, as they came. */
export function running(runs: readonly Run[]): Run[] {
  return [...runs.filter(run => !ended(run.state)), ...runs.filter(run => ended(run.state))];
}
