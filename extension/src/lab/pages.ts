/** Pipelines, runs and reviews as tabs of the main area: opened by commands, back after a reload. */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker, type ICommandPalette } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Problem } from '../api/problem';
import { middle } from '../format/names';
import { PIPELINE_TABS, type Place } from '../model/place';
import { askPipeline, askReview, askRun } from './ask';
import type { IGalleyLab, LabGalley } from './galley';
import { galleyIcon } from './icons';
import { Commands, PALETTE, SIDEBAR } from './names';
import { PlaceWidget } from './page-widget';

const RESTORE = 'galley:restore';
const BY_KIND = {
  pipeline: Commands.openPipeline,
  compare: Commands.compareRuns,
  run: Commands.openRun,
  review: Commands.openReview,
  calendar: Commands.openCalendar
};

type Arguments = ReadonlyPartialJSONObject;
type Tab = MainAreaWidget<PlaceWidget>;

export class Pages {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly lab: IGalleyLab
  ) {
    const { trans } = lab;
    this.add(Commands.openPipeline, trans.__('Open Pipeline…'), pipelineOf, askPipeline);
    this.add(Commands.openRun, trans.__('Open Run…'), args => thing('run', args), askRun);
    this.add(
      Commands.openReview,
      trans.__('Open Review…'),
      args => thing('review', args),
      askReview
    );
    this.add(
      Commands.openCalendar,
      trans.__('Open Calendar'),
      () => ({ kind: 'calendar' }),
      () => Promise.resolve(null)
    );
    this.add(Commands.compareRuns, trans.__('Compare Run…'), compared, async found => {
      const chosen = await askRun(found);
      return chosen?.kind === 'run' ? { kind: 'compare', left: null, right: chosen.id } : null;
    });
    app.commands.addCommand(Commands.openStandalone, {
      label: trans.__('Open Galley’s Own Page'),
      caption: trans.__('Where decisions are taken, schedules paused and versions rolled back'),
      icon: galleyIcon,
      isEnabled: () => lab.found.value !== null,
      execute: () => lab.found.value?.openWindow({ kind: 'today' })
    });
    app.commands.addCommand(Commands.showSidebar, {
      label: trans.__('Show Pipelines, Runs and Reviews'),
      icon: galleyIcon,
      execute: () => app.shell.activateById(SIDEBAR)
    });
    lab.found.changed.connect(() => app.commands.notifyCommandChanged());
  }

  readonly tracker = new WidgetTracker<Tab>({ namespace: 'galley' });

  addTo(palette: ICommandPalette): void {
    for (const command of [
      Commands.openPipeline,
      Commands.openRun,
      Commands.openReview,
      Commands.openCalendar,
      Commands.compareRuns,
      Commands.openStandalone,
      Commands.showSidebar
    ]) {
      palette.addItem({ command, category: PALETTE });
    }
  }

  restore(restorer: ILayoutRestorer): void {
    const { commands } = this.app;
    commands.addCommand(RESTORE, {
      execute: args => {
        const command = BY_KIND[args.kind as keyof typeof BY_KIND];
        return command ? commands.execute(command, args) : undefined;
      }
    });
    void restorer.restore(this.tracker, {
      command: RESTORE,
      args: tab => ({ ...tab.content.place }),
      name: tab => tab.id
    });
  }

  /** Show a place: the tab that is there, or a new one. */
  open(galley: LabGalley, place: Place): Tab {
    const id = `galley-${keyOf(place)}`;
    const tab = this.tracker.find(one => one.id === id) ?? this.make(galley, place, id);
    tab.content.moveTo(place);
    if (!tab.isAttached) {
      this.app.shell.add(tab, 'main');
    }
    this.app.shell.activateById(tab.id);
    return tab;
  }

  private make(galley: LabGalley, place: Place, id: string): Tab {
    const content = new PlaceWidget(galley, place);
    const tab = new MainAreaWidget({ content });
    tab.id = id;
    tab.toolbar.hide();
    tab.title.icon = galleyIcon;
    tab.title.closable = true;
    const name = (text: string): void => {
      tab.title.label = middle(text, 21);
      tab.title.caption = text;
    };
    name(content.name);
    content.named.connect((_, text) => name(text));
    content.moved.connect(() => void this.tracker.save(tab));
    void this.tracker.add(tab);
    return tab;
  }

  private add(
    command: string,
    label: string,
    read: (args: Arguments) => Place | null,
    ask: (galley: LabGalley) => Promise<Place | null>
  ): void {
    const { lab } = this;
    this.app.commands.addCommand(command, {
      label,
      icon: galleyIcon,
      isEnabled: args => lab.found.value !== null || read(args) !== null,
      execute: async args => {
        if (!lab.found.value) {
          await lab.found.refresh();
        }
        const galley = lab.found.value;
        if (!galley) {
          return undefined;
        }
        try {
          const place = read(args) ?? (await ask(galley));
          return place ? this.open(galley, place) : undefined;
        } catch (error) {
          galley.notify(Problem.from(error).message, 'error');
          return undefined;
        }
      }
    });
  }
}

function pipelineOf(args: Arguments): Place | null {
  const { tenant, slug } = args;
  if (typeof tenant !== 'string' || typeof slug !== 'string') {
    return null;
  }
  return { kind: 'pipeline', tenant, slug, tab: PIPELINE_TABS.find(tab => tab === args.tab) };
}

function compared(args: Arguments): Place | null {
  const { left, right } = args;
  return typeof right === 'string'
    ? { kind: 'compare', left: typeof left === 'string' ? left : null, right }
    : null;
}

function thing(kind: 'run' | 'review', args: Arguments): Place | null {
  return typeof args.id === 'string' ? { kind, id: args.id } : null;
}

/** What tells one place from another; the tab of a pipeline does not. */
export function keyOf(place: Place): string {
  switch (place.kind) {
    case 'pipeline':
      return `pipeline-${place.tenant}-${place.slug}`;
    case 'compare':
      return `compare-${place.left ?? 'before'}-${place.right}`;
    case 'run':
    case 'review':
      return `${place.kind}-${place.id}`;
    default:
      return place.kind;
  }
}
