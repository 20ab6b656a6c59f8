/** Galley as its own page knows it: the browser's session decides, links are addresses. */
import { nullTranslator } from '@jupyterlab/translation';
import { Client } from '../api/client';
import { EventStream } from '../api/events';
import { BrowserTransport } from '../api/transport';
import type { IMe, Run } from '../api/types';
import type { IGalley } from '../model/galley';
import { pathOf, ROOT, type Place } from '../model/place';
import { Resource } from '../model/resource';
import { Router } from './router';
import { Session } from './session';
import { TenantChoice } from './tenant-choice';
import { Theme } from './theme';
import { Toasts, type ToastKind } from './toasts';

export class PageGalley implements IGalley {
  constructor(window: Window) {
    this.router = new Router(window);
    this.theme = new Theme(window);
    this.tenants = new TenantChoice(window.localStorage);
    const transport = new BrowserTransport(`${ROOT}api/v1/`, status => this.session.note(status));
    this.client = new Client(transport);
    this.events = new EventStream(transport);
    this.me = new Resource<IMe>(this.client.me).follow(this.events);
    void this.me.refresh();
  }

  readonly router: Router;
  readonly theme: Theme;
  readonly tenants: TenantChoice;
  readonly session = new Session();
  readonly toasts = new Toasts();
  readonly client: Client;
  readonly events: EventStream;
  readonly me: Resource<IMe>;
  readonly trans = nullTranslator.load('galley');
  readonly decidesHere = true;
  readonly homeTenant = null;

  readonly go = (place: Place): void => this.router.go(place);
  readonly href = (place: Place): string => ROOT + pathOf(place);
  readonly openWindow = (place: Place): void => this.router.go(place);
  /** The lab of the run's tenant asks before it writes anything. */
  readonly debug = (run: Run, attempt: number, task: string | null): void => {
    const user = encodeURIComponent(this.me.value?.user ?? '');
    const query = new URLSearchParams({ 'galley-debug': run.id, attempt: String(attempt) });
    if (task) {
      query.set('task', task);
    }
    const lab = `/user/${user}/${encodeURIComponent(run.tenant)}/lab?${query}`;
    window.open(lab, '_blank', 'noopener');
  };
  readonly notify = (message: string, kind: ToastKind): void => this.toasts.add(message, kind);
}
