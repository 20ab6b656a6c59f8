/** Light or dark: as the system says, until one chooses; the choice is kept in this browser. */
import { Signal, type ISignal } from '@lumino/signaling';

const KEY = 'galley:theme';

export type ThemeName = 'light' | 'dark';

export class Theme {
  constructor(private readonly window: Window) {
    this.system = window.matchMedia('(prefers-color-scheme: dark)');
    this.system.addEventListener('change', () => this.apply());
    window.addEventListener('storage', event => event.key === KEY && this.apply());
    this.apply();
  }

  get name(): ThemeName {
    const chosen = this.window.localStorage.getItem(KEY);
    if (chosen === 'light' || chosen === 'dark') {
      return chosen;
    }
    return this.system.matches ? 'dark' : 'light';
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  toggle(): void {
    this.window.localStorage.setItem(KEY, this.name === 'dark' ? 'light' : 'dark');
    this.apply();
  }

  private apply(): void {
    const root = this.window.document.documentElement;
    root.dataset.jpThemeLight = String(this.name === 'light');
    root.style.colorScheme = this.name;
    this._changed.emit();
  }

  private readonly system: MediaQueryList;
  private readonly _changed = new Signal<this, void>(this);
}
