/** One opening of the publish dialog: what is known, what was typed, and what became of it. */
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import { Problem } from '../api/problem';
import type {
  Analysis,
  Check,
  ISchedulePreview,
  ITenant,
  Pipeline,
  SplitPlan,
  Version
} from '../api/types';
import type { Bridge } from '../lab/bridge';
import { tenantOf, type IGalley } from '../model/galley';
import { Resource, type IChanging } from '../model/resource';
import { compare, type IOutcome } from '../hidden/comparison';
import type { ILiveSession } from '../hidden/session';
import { beginning, requestOf, scheduleOf, type IDraft } from './draft';
import { mistakes, reasonAgainst, refusal, type Mistakes } from './mistakes';
import { SlugCheck } from './slug-check';
import { SplitCheck } from './split-check';

/** Typing is over when nothing was typed for so long, milliseconds. */
const QUIET = 350;

export interface ISessionParts {
  galley: IGalley;
  bridge: Bridge;
  path: string;
  tenant: string;
  /** What was typed before, in a dialog that was closed without publishing. */
  kept: IDraft | null;
  /** The kernel and the cells of the open notebook. */
  live: ILiveSession;
  /** Saves the notebook; its error says why that failed. */
  save: () => Promise<void>;
  /** Tags a cell “parameters”, or takes the tag away again. */
  tag: (cell: number, on: boolean) => void;
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
      galley.client.previewSchedule(this.draft?.cron ?? '', this.draft?.timezone ?? 'UTC', 5, {
        ...this.draft?.rules,
        parameter_schema: this.analysis.value?.parameters
      })
    );
    this.timezones = new Resource(galley.client.timezones);
    this.slug = new SlugCheck(galley.client, tenant, QUIET);
    this.split = new SplitCheck(
      async layout => (await bridge.analyse(path, layout)).split ?? null,
      QUIET
    );
    for (const model of this.models) {
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
  readonly split: SplitCheck;

  draft: IDraft | null = null;
  /** The version that came of it; the dialog shows its progress then. */
  published: Resource<Version> | null = null;
  /** The cell that this dialog has tagged “parameters”. */
  tagged: number | null = null;
  /** The session held against the clean run, once there is one. */
  comparison: Resource<IOutcome> | null = null;
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

  /** The split as it stands: of the author's arrangement, or the proposal. */
  get plan(): SplitPlan | null {
    return this.split.answer ?? this.analysis.value?.split ?? null;
  }

  get owner(): string {
    return this.pipeline?.owner ?? this.parts.galley.me.value?.user ?? '';
  }

  get nextVersion(): number {
    return (this.pipeline?.latest_version ?? 0) + 1;
  }

  /** What the cells' counts and edits alone tell of the session; not what reading told already. */
  get sessionChecks(): Check[] {
    const told = new Set(
      (this.analysis.value?.checks ?? [])
        .filter(check => check.code === 'hidden-state')
        .map(check => check.cell)
    );
    return this.parts.live
      .checks()
      .filter(check => check.code !== 'live-order' || !told.has(check.cell));
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
      layoutProblem: this.split.problem?.message ?? null,
      layoutPending: this.split.pending,
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
    for (const model of this.models) {
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
    if (this.draft.layout !== before.layout) {
      this.split.ask(this.draft.layout);
    }
    if (JSON.stringify(scheduleOf(before)) !== JSON.stringify(scheduleOf(this.draft))) {
      this.previewSoon();
    }
    this._changed.emit();
  }

  /** Save the notebook and read it once more, the arrangement of its tasks with it. */
  async reread(): Promise<void> {
    await this.analysis.refresh();
    if (this.draft?.layout) {
      this.split.ask(this.draft.layout);
    }
  }

  /** Tag a cell of the notebook “parameters”, or take that back; then save and read it again. */
  async tag(cell: number, on: boolean): Promise<void> {
    this.parts.tag(cell, on);
    this.tagged = on ? cell : null;
    await this.reread();
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
    void this.reread();
    this._changed.emit();
  }

  private get models(): (IChanging & IDisposable)[] {
    return [this.analysis, this.known, this.preview, this.timezones, this.slug, this.split];
  }

  private watch(version: Version): void {
    const { client, events } = this.parts.galley;
    const { id } = version;
    const published = new Resource(() => client.version(id));
    published.follow(events, event => event.subject === id);
    published.set(version);
    published.changed.connect(this.onChanged, this);
    published.changed.connect(this.compareOnce, this);
    this.published = published;
    void published.refresh();
  }

  /** Hold the session against the clean run as soon as there is one. */
  private compareOnce(): void {
    const version = this.published?.value;
    if (this.comparison || !version?.evidence?.passed) {
      return;
    }
    const { galley, bridge, live } = this.parts;
    this.comparison = new Resource(() => compare(galley, bridge, live, version));
    void this.comparison.refresh();
    this._changed.emit();
  }

  private forget(): void {
    this.comparison?.dispose();
    this.comparison = null;
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
    if (this.draft.layout) {
      this.split.ask(this.draft.layout);
    }
    if (this.draft.scheduled) {
      this.previewSoon();
    }
  }

  private previewSoon(): void {
    clearTimeout(this.timer);
    if (!this.draft?.scheduled) {
      this.preview.set({
        cron: '',
        timezone: '',
        description: '',
        clock_rule: '',
        firings: []
      });
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
