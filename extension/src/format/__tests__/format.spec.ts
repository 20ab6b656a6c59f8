import { trans } from '../../__tests__/trans';
import { apart, middle, slugify, straight } from '../names';
import { bytes, figure } from '../quantity';
import { distance, duration, elapsed, everyZone, relative } from '../time';

const now = new Date(2026, 10, 21, 12, 0, 0);
const after = (seconds: number) => new Date(now.getTime() + seconds * 1000);

describe('relative', () => {
  it.each([
    [-10, 'just now'],
    [10, 'in a moment'],
    [-180, '3 min ago'],
    [180, 'in 3 min'],
    [-2 * 3600, '2 h ago'],
    [5 * 3600, 'in 5 h']
  ])('%d seconds from now is “%s”', (seconds, text) => {
    expect(relative(trans, after(seconds), now)).toBe(text);
  });

  it('names days beyond the next hours', () => {
    expect(relative(trans, new Date(2026, 10, 20, 14, 5), now)).toMatch(/^yesterday .*05/);
    expect(relative(trans, new Date(2026, 10, 22, 6, 0), now)).toMatch(/^tomorrow .*00/);
    expect(relative(trans, new Date(2026, 9, 1, 6, 0), now)).toMatch(/Oct/);
    expect(relative(trans, new Date(2024, 9, 1, 6, 0), now)).toMatch(/2024/);
  });
});

describe('distance', () => {
  it.each([
    [180, 'in 3 min'],
    [30 * 3600, 'in 30 h'],
    [-3 * 24 * 3600, '3 days ago'],
    [400 * 24 * 3600, 'in 400 days']
  ])('%d seconds from now is “%s”', (seconds, text) => {
    expect(distance(trans, after(seconds), now)).toBe(text);
  });
});

describe('everyZone', () => {
  it('adds UTC and the zone of the pipeline', () => {
    const lines = everyZone(new Date('2026-07-01T10:00:00Z'), 'Asia/Tokyo').split('\n');
    expect(lines[1]).toBe('UTC: 2026-07-01 10:00:00');
    expect(lines[2]).toMatch(/^Asia\/Tokyo: .*, 19:00:00 /);
  });
});

describe('duration', () => {
  it.each([
    [0.84, '0.8 s'],
    [9.96, '10 s'],
    [72, '1 min 12 s'],
    [120, '2 min'],
    [59.7, '1 min'],
    [3600 * 2 + 300, '2 h 5 min'],
    [86400 * 3 + 3600 * 4, '3 d 4 h']
  ])('%d is “%s”', (seconds, text) => {
    expect(duration(trans, seconds)).toBe(text);
  });
});

describe('elapsed', () => {
  it('ends now where the end is open and is never negative', () => {
    expect(elapsed(after(-30).toISOString(), null, now)).toBe(30);
    expect(elapsed(after(30).toISOString(), null, now)).toBe(0);
    expect(elapsed(null, null, now)).toBeNull();
  });
});

describe('quantities', () => {
  it('shows sizes in the largest unit that fits', () => {
    expect([0, 512, 1536, 2 ** 30 * 12, 2 ** 20 * 300].map(bytes)).toEqual([
      '0 B',
      '512 B',
      '1.5 KiB',
      '12 GiB',
      '300 MiB'
    ]);
  });

  it('keeps four significant digits', () => {
    expect([0.98765, 12, 1234.567, 1.5e-7, 0, NaN].map(figure)).toEqual([
      '0.9877',
      '12',
      '1235',
      '1.50e-7',
      '0',
      'NaN'
    ]);
  });
});

describe('names', () => {
  it('and other texts keep the order in which they are stored', () => {
    expect(straight('a\u202eevil שלום\u202c b')).toBe('a\\u202eevil שלום\\u202c b');
  });

  it('are cut so that similar ones stay apart', () => {
    const tasks = [5, 38].map(number => `task_number_${number}_with_a_longish_name`);
    const far = ['one', 'two'].map(
      end => `a_name_that_begins_like_its_neighbour_${end}_and_ends_so`
    );
    const other = 'load_all_data_from_the_warehouse';
    const cut = apart([...tasks, ...far, other, 'fit'], 18);
    expect([...cut.values()].sort()).toEqual(
      [
        'task_number_5_wit…',
        'task_number_38_wi…',
        '…one_and_ends_so',
        '…two_and_ends_so',
        'load_all_…arehouse',
        'fit'
      ].sort()
    );
    expect(cut.get(tasks[1])).toBe('task_number_38_wi…');
  });

  it('cuts long names in the middle, by characters', () => {
    expect(middle('short', 10)).toBe('short');
    expect(middle('abcdefghij', 5)).toBe('ab…ij');
    expect(middle('😀😀😀😀', 3)).toBe('😀…😀');
  });

  it.each([
    ['Weekly Report (v2)', 'weekly-report-v2'],
    ['Überlebensrate', 'uberlebensrate'],
    ['2026 forecast', 'forecast'],
    ['日本', 'notebook'],
    [`${'a'.repeat(47)}-b`, 'a'.repeat(47)]
  ])('makes a slug of “%s”', (text, slug) => {
    expect(slugify(text)).toBe(slug);
  });
});
