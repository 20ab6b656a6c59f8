/** Whether a short name is free, asked while it is typed; and the pipeline that has it already. */
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import type { Client } from '../api/client';
import { Problem } from '../api/problem';
import type { ISlugAnswer, Pipeline } from '../api/types';
import type { IChanging } from '../model/resource';

export class SlugCheck implements IDisposable, IChanging {
  constructor(
    private readonly client: Client,
    private readonly tenant: string,
    private readonly wait: number
  ) {}

  answer: ISlugAnswer | null = null;
  pipeline: Pipeline | null = null;
  problem: Problem | null = null;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    clearTimeout(this.timer);
    Signal.clearData(this);
  }

  /** Ask about `slug` once typing pauses; the latest question wins. */
  ask(slug: string): void {
    clearTimeout(this.timer);
    this.turn += 1;
    if (slug === '') {
      this.answer = this.pipeline = this.problem = null;
      return;
    }
    const turn = this.turn;
    this.timer = setTimeout(() => void this.find(slug, turn), this.answer ? this.wait : 0);
  }

  private async find(slug: string, turn: number): Promise<void> {
    let answer: ISlugAnswer | null = null;
    let pipeline: Pipeline | null = null;
    let problem: Problem | null = null;
    try {
      // A slash would lead to another route.
      answer = await this.client.slug(this.tenant, slug.replace(/[/\\]/g, '_'));
      answer = { ...answer, slug };
      if (answer.exists) {
        pipeline = await this.client.pipeline(this.tenant, slug);
      }
    } catch (error) {
      problem = Problem.from(error);
    }
    if (turn === this.turn && !this._disposed) {
      this.answer = answer;
      this.pipeline = pipeline;
      this.problem = problem;
      this._changed.emit();
    }
  }

  private timer: ReturnType<typeof setTimeout> | undefined;
  private turn = 0;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
