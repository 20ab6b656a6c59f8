/** Whether the browser's session still holds, as the answers of the service tell. */
import { Signal, type ISignal } from '@lumino/signaling';

export class Session {
  get ended(): boolean {
    return this._ended;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Take note of the status of an answer. */
  note(status: number): void {
    const ended = status === 401 ? true : status < 400 ? false : this._ended;
    if (ended !== this._ended) {
      this._ended = ended;
      this._changed.emit();
    }
  }

  private _ended = false;
  private readonly _changed = new Signal<this, void>(this);
}
