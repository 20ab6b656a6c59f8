import { run } from '../../__tests__/samples';
import type { Pipeline } from '../../api/types';
import { hours, lanes, share, windowAround, within } from '../day';

const NOW = new Date('2026-11-20T12:00:00Z');
const WINDOW = windowAround(NOW);

function pipeline(slug: string, next_firing: string | null = null): Pipeline {
  return { id: slug, tenant: 'oncology', slug, name: slug, next_firing } as Pipeline;
}

describe('a day', () => {
  it('reaches from 18 hours before to 6 hours after', () => {
    expect(new Date(WINDOW.start).toISOString()).toBe('2026-11-19T18:00:00.000Z');
    expect(new Date(WINDOW.end).toISOString()).toBe('2026-11-20T18:00:00.000Z');
    expect(share(NOW.getTime(), WINDOW)).toBe(0.75);
    expect(share(0, WINDOW)).toBe(0);
  });

  it('holds a run that still goes on, however long ago it began', () => {
    const old = { started_at: '2026-11-18T00:00:00Z', ended_at: '2026-11-18T01:00:00Z' };
    expect(within(run(old), WINDOW, NOW)).toBe(false);
    expect(within(run({ ...old, ended_at: null, state: 'running' }), WINDOW, NOW)).toBe(true);
  });

  it('gives a lane to what ran or is due, the latest news first', () => {
    const found = lanes(
      {
        pipelines: [
          pipeline('quiet', '2026-11-22T00:00:00Z'),
          pipeline('due', '2026-11-20T15:00:00Z'),
          pipeline('ran')
        ],
        runs: [run({ pipeline: 'ran' }), run({ pipeline: 'ran', tenant: 'another' })]
      },
      WINDOW,
      NOW
    );
    expect(found.map(lane => [lane.pipeline.slug, lane.runs.length, lane.next !== null])).toEqual([
      ['ran', 1, false],
      ['due', 0, true]
    ]);
  });

  it('marks full hours', () => {
    const marks = hours(WINDOW, 3);
    expect(marks.length).toBeGreaterThanOrEqual(8);
    expect(marks.every(mark => mark.getHours() % 3 === 0 && mark.getMinutes() === 0)).toBe(true);
  });
});
