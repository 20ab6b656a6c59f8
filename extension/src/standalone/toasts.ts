/** Messages about what was asked for: each stays a while, then goes. */
import { Signal, type ISignal } from '@lumino/signaling';

export type ToastKind = 'success' | 'error' | 'info';

export interface IToast {
  id: number;
  message: string;
  kind: ToastKind;
}

const STAY = { success: 5000, info: 4000, error: 12000 };

export class Toasts {
  get items(): readonly IToast[] {
    return this._items;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  add(message: string, kind: ToastKind): void {
    const id = ++this.count;
    this.set([...this._items, { id, message, kind }]);
    setTimeout(() => this.remove(id), STAY[kind]);
  }

  remove(id: number): void {
    this.set(this._items.filter(item => item.id !== id));
  }

  private set(items: readonly IToast[]): void {
    this._items = items;
    this._changed.emit();
  }

  private count = 0;
  private _items: readonly IToast[] = [];
  private readonly _changed = new Signal<this, void>(this);
}
