/** Galley in this lab: found once, shared by its plugins. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import { Client } from '../api/client';
import { EventStream } from '../api/events';
import type { IMe, Run } from '../api/types';
import type { IGalley } from '../model/galley';
import { pathOf, ROOT, type Place } from '../model/place';
import { Resource } from '../model/resource';
import { Bridge } from './bridge';
import { Commands } from './names';
import { LabTransport } from './transport';

/** How long a toast stays, milliseconds. */
export const TOAST = 8000;

export interface IGalleyLab {
  readonly trans: TranslationBundle;
  readonly bridge: Bridge;
  /** What the lab's server knows of Galley; its problem says why there is none. */
  readonly found: Resource<LabGalley>;
  /** Ids of what an open dialog shows: its end needs no toast. */
  readonly watched: Set<string>;
}

export const IGalleyLab = new Token<IGalleyLab>(
  'galley-lab:IGalleyLab',
  'Galley as this lab reaches it.'
);

export class GalleyLab implements IGalleyLab {
  constructor(app: JupyterFrontEnd, trans: TranslationBundle) {
    const settings = app.serviceManager.serverSettings;
    this.trans = trans;
    this.bridge = new Bridge(new LabTransport(settings, ''));
    this.found = new Resource(async () => {
      const { tenant } = await this.bridge.connection();
      const known = this.found.value;
      return known ?? new LabGalley(app, trans, new LabTransport(settings, 'api/v1'), tenant);
    });
  }

  readonly trans: TranslationBundle;
  readonly bridge: Bridge;
  readonly found: Resource<LabGalley>;
  readonly watched = new Set<string>();
}

export class LabGalley implements IGalley {
  constructor(
    private readonly app: JupyterFrontEnd,
    readonly trans: TranslationBundle,
    transport: LabTransport,
    readonly homeTenant: string
  ) {
    this.client = new Client(transport);
    this.events = new EventStream(transport);
    this.me = new Resource<IMe>(this.client.me).follow(this.events);
    void this.me.refresh();
  }

  readonly client: Client;
  readonly events: EventStream;
  readonly me: Resource<IMe>;
  /** A notebook could use the lab's token, so it may not decide. */
  readonly decidesHere = false;

  readonly go = (place: Place): void => {
    switch (place.kind) {
      case 'run':
        void this.app.commands.execute(Commands.openRun, { id: place.id });
        break;
      case 'compare':
        void this.app.commands.execute(Commands.compareRuns, {
          left: place.left,
          right: place.right
        });
        break;
      case 'review':
        void this.app.commands.execute(Commands.openReview, { id: place.id });
        break;
      case 'pipeline':
        void this.app.commands.execute(Commands.openPipeline, {
          tenant: place.tenant,
          slug: place.slug,
          tab: place.tab ?? null
        });
        break;
      default:
        void this.app.commands.execute(Commands.showSidebar);
    }
  };

  readonly href = (place: Place): string => {
    return hubRoot() + ROOT + pathOf(place);
  };

  readonly openWindow = (place: Place): void => {
    const name = `galley-${place.kind}`;
    window.open(this.href(place), name, 'popup,width=1080,height=820')?.focus();
  };

  readonly debug = (run: Run, attempt: number, task: string | null): void => {
    void this.app.commands.execute(Commands.debugRun, { id: run.id, attempt, task });
  };

  readonly notify = (message: string, kind: 'success' | 'error' | 'info'): void => {
    Notification[kind](message, { autoClose: TOAST });
  };
}

/** The address below which the hub and its services lie. */
function hubRoot(): string {
  const base = new URL(PageConfig.getBaseUrl());
  const prefix = PageConfig.getOption('hubPrefix').replace(/\/hub\/?$/, '');
  return base.origin + prefix;
}
