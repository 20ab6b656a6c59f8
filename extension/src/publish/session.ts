/** One opening of the publish dialog: what is known, what was typed, and what became of it. */
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import { Problem } from '../api/problem';
import type { Analysis, ISchedulePreview, ITenant, Pipeline, Version } from '../api/types';
import type { Bridge } from '../lab/bridge';
import { tenantOf, type IGalley } from '../model/galley';
import { Resource, type IChanging } from '../model/resource';
import { beginning, requestOf, scheduleOf, type IDraft } from './draft';
import { mistakes, reasonAgainst, refusal, type Mistakes } from './mistakes';
import { SlugCheck } from './slug-check';

/** Typing is over when nothing was typed for so long, milliseconds. */
const QUIET = 350;

export interface ISessionParts {
  galley: IGalley;
  bridge: Bridge;
  path: string;
  tenant: string;
  /** What was typed before, in a dialog that was closed without publishing. */
  kept: IDraft | null;
  /** Saves the notebook; its error says why that failed. */
  save: () => Promise<void>;
  /** Ids of what a dialog shows, so that no toast repeats it. */
  watched: Set<string>;
}

interface IKnown {
  pipeline: Pipeline | null;
  version: Version | null;
}

export class PublishSession implements IDisposable, IChanging {
  constructor(private readonly parts: ISessionParts) {
    const { galley, bridge, path, tenant } = parts;
    this.analysis = new Resource(async () => {
      await parts.save();
      return bridge.analyse(path);
    });
    this.known = new Resource(() => this.find());
    this.preview = new Resource(() =>
      galley.client.previewSchedule(this.draft?.cron ?? '', this.draft?.timezone ?? 'UTC')
    );
    this.timezones = new Resource(galley.client.timezones);
    this.slug = new SlugCheck(galley.client, tenant, QUIET);
    for (const model of [this.analysis, this.known, this.preview, this.timezones, this.slug]) {
      model.changed.connect(this.onChanged, this);
    }
    galley.me.changed.connect(this.onChanged, this);
    void Promise.all([this.analysis.refresh(), this.known.refresh()]);
  }

  readonly analysis: Resource<Analysis>;
  readonly known: Resource<IKnown>;
  readonly preview: Resource<ISchedulePreview>;
  readonly timezones: Resource<string[]>;
  readonly slug: SlugCheck;

  draft: IDraft | null = null;
  /** The version that came of it; the dialog shows its progress then. */
  published: Resource<Version> | null = null;
  problem: Problem | null = null;
  busy: 'rehearse' | 'publish' | null = null;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get path(): string {
    return this.parts.path;
  }

  get tenant(): ITenant | null {
    return tenantOf(this.parts.galley.me.value, this.parts.tenant);
  }

  /** The pipeline that this becomes a version of; null for a new one. */
  get pipeline(): Pipeline | null {
    return this.slug.pipeline;
  }

  get owner(): string {
    return this.pipeline?.owner ?? this.parts.galley.me.value?.user ?? '';
  }

  get nextVersion(): number {
    return (this.pipeline?.latest_version ?? 0) + 1;
  }

  /** What is wrong, by field; the service's own refusal among it. */
  get mistakes(): Mistakes {
    if (!this.draft) {
      return {};
    }
    const own = mistakes(this.parts.galley.trans, this.draft, this.slug.answer, this.tenant);
    const refused = refusal(this.problem);
    return refused ? { [refused.field]: refused.message, ...own } : own;
  }

  /** Why it cannot be published now; null when it can. */
  get reason(): string | null {
    const { trans } = this.parts.galley;
    if (!this.draft) {
      return trans.__('The notebook is still being read.');
    }
    return reasonAgainst(trans, this.draft, {
      analysis: this.analysis.value,
      analysing: this.analysis.loading,
      tenant: this.tenant,
      mistakes: mistakes(trans, this.draft, this.slug.answer, this.tenant),
      scheduleProblem: this.preview.problem?.message ?? null,
      slugKnown: this.slug.answer?.slug === this.draft.slug
    });
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    clearTimeout(this.timer);
    this.parts.galley.me.changed.disconnect(this.onChanged, this);
    this.forget();
    for (const model of [this.analysis, this.known, this.preview, this.timezones, this.slug]) {
      model.dispose();
    }
    Signal.clearData(this);
  }

  edit(change: Partial<IDraft>): void {
    if (!this.draft) {
      return;
    }
    const before = this.draft;
    this.draft = { ...before, ...change };
    this.problem = null;
    if (this.draft.slug !== before.slug) {
      this.slug.ask(this.draft.slug);
    }
    if (JSON.stringify(scheduleOf(before)) !== JSON.stringify(scheduleOf(this.draft))) {
      this.previewSoon();
    }
    this._changed.emit();
  }

  async submit(rehearseOnly: boolean): Promise<void> {
    const { bridge, path, save, watched } = this.parts;
    if (!this.draft || this.busy) {
      return;
    }
    this.busy = rehearseOnly ? 'rehearse' : 'publish';
    this.problem = null;
    this._changed.emit();
    try {
      await save();
      const version = await bridge.publish(
        path,
        this.draft.slug,
        requestOf(this.draft, rehearseOnly)
      );
      if (this._disposed) {
        // The dialog was closed meanwhile: a toast tells the end.
        return;
      }
      watched.add(version.id);
      this.watch(version);
    } catch (error) {
      this.problem = Problem.from(error);
    }
    this.busy = null;
    this._changed.emit();
  }

  /** From the progress back to the form, to mend what failed. */
  back(): void {
    this.forget();
    this.slug.ask(this.draft?.slug ?? '');
    void this.analysis.refresh();
    this._changed.emit();
  }

  private watch(version: Version): void {
    const { client, events } = this.parts.galley;
    const { id } = version;
    const published = new Resource(() => client.version(id));
    published.follow(events, event => event.subject === id);
    published.set(version);
    published.changed.connect(this.onChanged, this);
    this.published = published;
    void published.refresh();
  }

  private forget(): void {
    if (this.published) {
      this.parts.watched.delete(this.published.value?.id ?? '');
      this.published.dispose();
      this.published = null;
    }
  }

  /** The pipeline that the notebook belongs to already, with its latest version. */
  private async find(): Promise<IKnown> {
    const { galley, path, tenant } = this.parts;
    const page = await galley.client.pipelines(tenant, { source_path: path, limit: 10 });
    const me = galley.me.value?.user;
    const pipeline = page.items.find(one => one.owner === me) ?? page.items[0] ?? null;
    if (!pipeline) {
      return { pipeline, version: null };
    }
    const versions = await galley.client.versions(tenant, pipeline.slug, { limit: 1 });
    return { pipeline, version: versions.items[0] ?? null };
  }

  private begin(): void {
    const { kept, path } = this.parts;
    const known = this.known.value ?? { pipeline: null, version: null };
    this.draft =
      kept ??
      beginning({
        path,
        analysis: this.analysis.value,
        ...known,
        profile: this.tenant?.default_profile ?? '',
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
      });
    this.slug.ask(this.draft.slug);
    if (this.draft.scheduled) {
      this.previewSoon();
    }
  }

  private previewSoon(): void {
    clearTimeout(this.timer);
    if (!this.draft?.scheduled) {
      this.preview.set({ cron: '', timezone: '', description: '', firings: [] });
      return;
    }
    if (!this.timezones.value && !this.timezones.loading) {
      void this.timezones.refresh();
    }
    this.timer = setTimeout(() => void this.preview.refresh(), QUIET);
  }

  private onChanged(): void {
    const settled = (one: Resource<unknown>) => one.value !== null || one.problem !== null;
    if (!this.draft && settled(this.analysis) && settled(this.known) && this.tenant) {
      this.begin();
    }
    this._changed.emit();
  }

  private timer: ReturnType<typeof setTimeout> | undefined;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
