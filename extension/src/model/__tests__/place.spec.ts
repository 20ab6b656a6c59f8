import { pathOf, placeOf, type Place } from '../place';

describe('places', () => {
  it.each<Place>([
    { kind: 'today' },
    { kind: 'pipelines' },
    { kind: 'runs' },
    { kind: 'runs', filter: { state: 'failed', of: 'all', pipeline: 'oncology/weekly-report' } },
    { kind: 'runs', filter: { of: 'rehearsal', state: undefined, pipeline: undefined } },
    { kind: 'runs', filter: { state: 'launching', of: undefined, pipeline: undefined } },
    { kind: 'reviews' },
    { kind: 'calendar' },
    { kind: 'storage' },
    { kind: 'pipeline', tenant: 'oncology', slug: 'weekly-report', tab: 'versions' },
    { kind: 'run', id: '0193-a' },
    { kind: 'run', id: '0193-a', part: { attempt: 2, task: 'fit & go', tab: 'log' } },
    { kind: 'compare', left: '0193-a', right: '0193-b' },
    { kind: 'compare', left: null, right: '0193-b' },
    { kind: 'review', id: '0193-b' }
  ])('%j has an address that leads back', place => {
    const { pathname, search, hash } = new URL(pathOf(place), 'http://galley.test/');
    expect(placeOf(pathname, hash, search)).toEqual(place);
  });

  it('does not filter by what no list could show as chosen', () => {
    expect(placeOf('runs', '', '?state=done&of=rehearsals&pipeline=foo')).toEqual({
      kind: 'runs',
      filter: {}
    });
  });

  it('shows of a run at first what is meant by no part of it', () => {
    expect(placeOf('runs/a', '', '?attempt=last&tab=nothing&task=')).toEqual({
      kind: 'run',
      id: 'a'
    });
  });

  it('knows nothing else', () => {
    expect(placeOf('runs/a/b')).toBeNull();
    expect(placeOf('runs/compare')).toBeNull();
    expect(placeOf('elsewhere')).toBeNull();
  });
});
