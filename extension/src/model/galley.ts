/** What every page is given: the client, the live events, who one is, and where links lead. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Client } from '../api/client';
import type { EventStream } from '../api/events';
import type { Action, IMe, ITenant, Run } from '../api/types';
import type { Place } from './place';
import type { Resource } from './resource';

export interface IGalley {
  readonly client: Client;
  readonly events: EventStream;
  readonly me: Resource<IMe>;
  readonly trans: TranslationBundle;
  /** Whether decisions are taken on this page, or in the service's own window. */
  readonly decidesHere: boolean;
  /** Show a place: a tab in the lab, an address on the standalone page. */
  readonly go: (place: Place) => void;
  /** The address of a place that can be shared. */
  readonly href: (place: Place) => string;
  /** Open a place in the service's window, where the browser's own session decides. */
  readonly openWindow: (place: Place) => void;
  /** Bring the notebook of an attempt into one's own JupyterLab, to go through it. */
  readonly debug: (run: Run, attempt: number, task: string | null) => void;
  /** Tell how something that was asked for ended. */
  readonly notify: (message: string, kind: 'success' | 'error' | 'info') => void;
  /** The tenant of a server in the lab; null on the standalone page. */
  readonly homeTenant: string | null;
}

export function tenantOf(me: IMe | null, name: string): ITenant | null {
  return me?.tenants.find(tenant => tenant.name === name) ?? null;
}

export function may(me: IMe | null, tenant: string, action: Action): boolean {
  return tenantOf(me, tenant)?.actions.includes(action) ?? false;
}
