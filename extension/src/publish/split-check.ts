/** The author's arrangement of the tasks, asked about while it is being made. */
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import { Problem } from '../api/problem';
import type { SplitLayout, SplitPlan } from '../api/types';
import type { IChanging } from '../model/resource';

export class SplitCheck implements IDisposable, IChanging {
  /**
   * @param plan - what the service makes of an arrangement; it refuses an impossible one.
   * @param wait - moving a cell several times is over after so long, milliseconds.
   */
  constructor(
    private readonly plan: (layout: SplitLayout) => Promise<SplitPlan | null>,
    private readonly wait: number
  ) {}

  /** The plan of the latest possible arrangement; null while the proposal holds. */
  answer: SplitPlan | null = null;
  problem: Problem | null = null;
  pending = false;

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

  /** Ask about a layout once moving pauses; null goes back to the proposal. */
  ask(layout: SplitLayout | null): void {
    clearTimeout(this.timer);
    const turn = ++this.turn;
    this.problem = null;
    this.pending = layout !== null;
    if (layout) {
      this.timer = setTimeout(() => void this.find(layout, turn), this.wait);
    } else {
      this.answer = null;
    }
    this._changed.emit();
  }

  private async find(layout: SplitLayout, turn: number): Promise<void> {
    let answer = this.answer;
    let problem: Problem | null = null;
    try {
      answer = await this.plan(layout);
    } catch (error) {
      problem = Problem.from(error);
    }
    if (turn === this.turn && !this._disposed) {
      this.answer = answer;
      this.problem = problem;
      this.pending = false;
      this._changed.emit();
    }
  }

  private timer: ReturnType<typeof setTimeout> | undefined;
  private turn = 0;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
