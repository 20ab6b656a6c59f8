/** Which pipeline, run or review to open, asked where a command was given none. */
import { InputDialog } from '@jupyterlab/apputils';
import { everyZone } from '../format/time';
import type { Place } from '../model/place';
import { runWord } from '../model/words';
import type { LabGalley } from './galley';

interface IChoice {
  label: string;
  place: Place;
}

export async function askPipeline(galley: LabGalley): Promise<Place | null> {
  const { client, homeTenant, trans } = galley;
  const page = await client.pipelines(homeTenant, { limit: 100 });
  const choices = page.items.map(({ tenant, slug, name }) => ({
    label: name === slug ? slug : `${name} (${slug})`,
    place: { kind: 'pipeline', tenant, slug } as const
  }));
  return choose(galley, trans.__('Open pipeline'), trans.__('Nothing is published yet.'), choices);
}

export async function askRun(galley: LabGalley): Promise<Place | null> {
  const { client, homeTenant, trans } = galley;
  const page = await client.runs(homeTenant, { limit: 50 });
  const choices = page.items.map(run => ({
    label: `${run.pipeline_name} v${run.version} · ${runWord(trans, run).text} · ${
      everyZone(new Date(run.created_at)).split('\n')[0]
    }`,
    place: { kind: 'run', id: run.id } as const
  }));
  return choose(galley, trans.__('Open run'), trans.__('Nothing has run yet.'), choices);
}

export async function askReview(galley: LabGalley): Promise<Place | null> {
  const { client, homeTenant, trans } = galley;
  const page = await client.tenantReviews(homeTenant);
  const choices = page.items.map(version => ({
    label: trans.__('%1 v%2 by %3', version.name, version.number, version.author),
    place: { kind: 'review', id: version.id } as const
  }));
  return choose(galley, trans.__('Open review'), trans.__('Nothing waits for a review.'), choices);
}

async function choose(
  galley: LabGalley,
  title: string,
  none: string,
  choices: IChoice[]
): Promise<Place | null> {
  if (choices.length === 0) {
    galley.notify(none, 'info');
    return null;
  }
  const labels = choices.map(choice => choice.label);
  const okLabel = galley.trans.__('Open');
  const { value } = await InputDialog.getItem({ title, items: labels, okLabel });
  return choices.find(choice => choice.label === value)?.place ?? null;
}
