/** The obvious actions of a row. What the lab's token may not do opens Galley's own window. */
import { Problem } from '../api/problem';
import type { Pipeline, Run, Version } from '../api/types';
import { copy } from '../format/clipboard';
import { may, type IGalley } from '../model/galley';
import type { Place } from '../model/place';
import { ended } from '../model/words';

export interface IEntry {
  label: string;
  /** Why it cannot be chosen. */
  reason?: string | null;
  run: () => void;
}

export function pipelineMenu(galley: IGalley, pipeline: Pipeline): IEntry[] {
  const { client, trans } = galley;
  const { tenant, slug } = pipeline;
  const place: Place = { kind: 'pipeline', tenant, slug };
  const settings: Place = { ...place, tab: 'settings' };
  const entries: IEntry[] = [
    { label: trans.__('Open'), run: () => galley.go(place) },
    {
      label: trans.__('Run now'),
      reason: pipeline.live_version ? runRefusal(galley, tenant) : trans.__('no version is live'),
      run: () =>
        act(galley, async () => {
          const run = await client.startRun(tenant, slug, {});
          galley.notify(trans.__('Started a run of %1.', pipeline.name), 'success');
          galley.go({ kind: 'run', id: run.id });
        })
    }
  ];
  if (pipeline.schedule) {
    entries.push({
      label: pipeline.schedule.paused ? trans.__('Resume schedule…') : trans.__('Pause schedule…'),
      run: () => galley.openWindow(settings)
    });
  }
  if ((pipeline.live_version ?? 0) > 1) {
    entries.push({
      label: trans.__('Roll back…'),
      run: () => galley.openWindow({ ...place, tab: 'versions' })
    });
  }
  return [...entries, copyLink(galley, place), ownPage(galley, place)];
}

export function runMenu(galley: IGalley, run: Run): IEntry[] {
  const { client, trans } = galley;
  const place: Place = { kind: 'run', id: run.id };
  const over = ended(run.state);
  return [
    { label: trans.__('Open'), run: () => galley.go(place) },
    over
      ? {
          label: trans.__('Retry'),
          reason:
            run.state === 'failed' || run.state === 'timed_out'
              ? runRefusal(galley, run.tenant)
              : trans.__('only a failed run is retried'),
          run: () => act(galley, () => client.retryRun(run.id))
        }
      : {
          label: trans.__('Cancel run'),
          reason: run.cancel_requested
            ? trans.__('it is being cancelled')
            : runRefusal(galley, run.tenant),
          run: () => act(galley, () => client.cancelRun(run.id))
        },
    {
      label: trans.__('Open its pipeline'),
      run: () => galley.go({ kind: 'pipeline', tenant: run.tenant, slug: run.pipeline })
    },
    copyLink(galley, place),
    ownPage(galley, place)
  ];
}

export function reviewMenu(galley: IGalley, version: Version): IEntry[] {
  const { trans } = galley;
  const place: Place = { kind: 'review', id: version.id };
  return [
    { label: trans.__('Look at the changes'), run: () => galley.go(place) },
    { label: trans.__('Decide…'), run: () => galley.openWindow(place) },
    {
      label: trans.__('Open its pipeline'),
      run: () => galley.go({ kind: 'pipeline', tenant: version.tenant, slug: version.pipeline })
    },
    copyLink(galley, place)
  ];
}

function runRefusal(galley: IGalley, tenant: string): string | null {
  return may(galley.me.value, tenant, 'run')
    ? null
    : galley.trans.__('your roles in %1 do not allow it', tenant);
}

function copyLink(galley: IGalley, place: Place): IEntry {
  const { trans } = galley;
  return {
    label: trans.__('Copy link'),
    run: () =>
      act(galley, async () => {
        const link = new URL(galley.href(place), location.href).href;
        if (await copy(link)) {
          galley.notify(trans.__('Copied the link.'), 'info');
        } else {
          galley.notify(trans.__('The browser does not let this page copy: %1', link), 'error');
        }
      })
  };
}

function ownPage(galley: IGalley, place: Place): IEntry {
  return {
    label: galley.trans.__('Open on Galley’s own page'),
    run: () => galley.openWindow(place)
  };
}

function act(galley: IGalley, work: () => Promise<unknown>): void {
  work().catch((error: unknown) => galley.notify(Problem.from(error).message, 'error'));
}
