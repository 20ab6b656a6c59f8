/** How an open notebook stands to what is published of it: the badge beside the button. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { INotebook, Pipeline, Version } from '../api/types';
import { cellsAhead } from '../model/diff';
import type { Place } from '../model/place';
import type { IWord } from '../model/words';
import type { ICell } from './notebook';
import { isProof, progressOf } from './steps';

export interface IStanding {
  pipeline: Pipeline | null;
  latest: Version | null;
  /** The version that the notebook is compared with: the live one, or the latest. */
  base: { number: number; notebook: INotebook } | null;
}

export interface IBadge {
  word: IWord;
  title: string;
  place: Place | null;
}

/** What the badge says. */
export function badgeOf(
  trans: TranslationBundle,
  standing: IStanding,
  cells: readonly ICell[]
): IBadge {
  const { pipeline, latest, base } = standing;
  if (!pipeline || !latest) {
    return {
      word: { text: trans.__('not published'), tone: 'idle', glyph: 'info' },
      title: trans.__('No pipeline comes from this notebook yet'),
      place: null
    };
  }
  const review: Place = { kind: 'review', id: latest.id };
  const { tenant, slug } = pipeline;
  const moving = newest(trans, latest);
  if (moving) {
    return { word: moving, title: trans.__('Open version %1', latest.number), place: review };
  }
  const ahead = base ? cellsAhead(cells, base.notebook.cells) : 0;
  const place: Place = { kind: 'pipeline', tenant, slug };
  if (base && ahead > 0) {
    return {
      word: {
        text: trans._n('%1 cell ahead of v%2', '%1 cells ahead of v%2', ahead, base.number),
        tone: 'warn',
        glyph: 'info'
      },
      title: trans.__('What is open here differs from version %1', base.number),
      place
    };
  }
  if (pipeline.live_version) {
    return {
      word: {
        text: trans.__('live v%1', pipeline.live_version),
        tone: 'good',
        glyph: 'rocket'
      },
      title: trans.__('Version %1 is live and is what is open here', pipeline.live_version),
      place
    };
  }
  return {
    word: { text: trans.__('nothing live'), tone: 'idle', glyph: 'info' },
    title: trans.__('Open the pipeline'),
    place
  };
}

/** What the latest version says while it is more telling than the live one. */
function newest(trans: TranslationBundle, latest: Version): IWord | null {
  const { number } = latest;
  switch (latest.state) {
    case 'analysing':
    case 'rehearsing': {
      const { cell, cells, phase } = progressOf(latest);
      const proving = phase !== null && isProof(phase);
      const text = proving
        ? trans.__('proving the split…')
        : cells
          ? trans.__('rehearsing cell %1 of %2', Math.min(cell + 1, cells), cells)
          : trans.__('rehearsing…');
      return { text, tone: 'busy', glyph: 'play' };
    }
    case 'in_review':
      return { text: trans.__('v%1 waiting for review', number), tone: 'wait', glyph: 'eye' };
    case 'failed':
      return { text: trans.__('v%1: rehearsal failed', number), tone: 'bad', glyph: 'cross' };
    case 'rejected':
      return { text: trans.__('v%1 rejected', number), tone: 'bad', glyph: 'cross' };
    default:
      return null;
  }
}
