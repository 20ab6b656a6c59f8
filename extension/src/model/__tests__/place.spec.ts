import { pathOf, placeOf, type Place } from '../place';

describe('places', () => {
  it.each<Place>([
    { kind: 'today' },
    { kind: 'pipelines' },
    { kind: 'runs' },
    { kind: 'reviews' },
    { kind: 'pipeline', tenant: 'oncology', slug: 'weekly-report', tab: 'versions' },
    { kind: 'run', id: '0193-a' },
    { kind: 'review', id: '0193-b' }
  ])('%j has an address that leads back', place => {
    const [path, hash] = pathOf(place).split('#');
    expect(placeOf(path, hash ? `#${hash}` : '')).toEqual(place);
  });

  it('knows nothing else', () => {
    expect(placeOf('runs/a/b')).toBeNull();
    expect(placeOf('elsewhere')).toBeNull();
  });
});
