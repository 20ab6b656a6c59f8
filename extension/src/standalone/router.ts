/** The place that the address bar names; the browser's own history is the truth. */
import { Signal, type ISignal } from '@lumino/signaling';
import { pathOf, placeOf, ROOT, type Place } from '../model/place';

export class Router {
  constructor(private readonly window: Window) {
    this._place = this.read();
    window.addEventListener('popstate', () => this.update());
    window.addEventListener('hashchange', () => this.update());
  }

  /** Null where the address names nothing. */
  get place(): Place | null {
    return this._place;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  go(place: Place): void {
    const target = ROOT + pathOf(place);
    const { pathname, search, hash } = this.window.location;
    if (target !== pathname + search + hash) {
      this.window.history.pushState(null, '', target);
    }
    this.update();
  }

  /** Show another part of the same place, without a step in the history. */
  replace(place: Place): void {
    this.window.history.replaceState(null, '', ROOT + pathOf(place));
    this.update();
  }

  private read(): Place | null {
    const { pathname, search, hash } = this.window.location;
    const path = pathname.startsWith(ROOT) ? pathname.slice(ROOT.length) : pathname;
    return placeOf(path, hash, search);
  }

  private update(): void {
    this._place = this.read();
    this._changed.emit();
  }

  private _place: Place | null;
  private readonly _changed = new Signal<this, void>(this);
}
