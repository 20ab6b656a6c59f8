/** The tenant one looks at, or all of one's tenants; the choice is kept in this browser. */
import { Signal, type ISignal } from '@lumino/signaling';
import type { IMe, ITenant } from '../api/types';

const KEY = 'galley:tenant';

export class TenantChoice {
  constructor(private readonly storage: Storage) {}

  /** The name of the tenant; empty for all. */
  get name(): string {
    return this.storage.getItem(KEY) ?? '';
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  choose(name: string): void {
    this.storage.setItem(KEY, name);
    this._changed.emit();
  }

  /** The tenants to show; a choice of one that is no longer one's own counts as none. */
  of(me: IMe | null): readonly ITenant[] {
    const tenants = me?.tenants ?? [];
    const chosen = tenants.filter(tenant => tenant.name === this.name);
    return chosen.length > 0 ? chosen : tenants;
  }

  private readonly _changed = new Signal<this, void>(this);
}
