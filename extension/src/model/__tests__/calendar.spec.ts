import { TableTransport } from '../../__tests__/galley';
import { Client } from '../../api/client';
import {
  dayByKey,
  dayOf,
  endOf,
  isHole,
  loadCalendar,
  movedMonths,
  startOf,
  weeksAround
} from '../calendar';

describe('weeks', () => {
  it('of a month go from Monday to Sunday around it', () => {
    const weeks = weeksAround('2026-11-20', 'month');
    expect([weeks[0][0], weeks[weeks.length - 1][6]]).toEqual(['2026-10-26', '2026-12-06']);
    expect(weeks.every(week => week.length === 7)).toBe(true);
    expect(weeksAround('2027-02-10', 'month')).toHaveLength(4);
  });

  it('of a week are one', () => {
    expect(weeksAround('2026-11-22', 'week')).toEqual([
      [16, 17, 18, 19, 20, 21, 22].map(day => `2026-11-${day}`)
    ]);
  });
});

describe('days', () => {
  it('are those of a zone', () => {
    const at = new Date('2026-11-20T23:30:00Z');
    expect(dayOf(at, 'UTC')).toBe('2026-11-20');
    expect(dayOf(at, 'Asia/Tokyo')).toBe('2026-11-21');
  });

  it('begin and end in their zone, where its clock changes too', () => {
    const times = (day: string, zone: string) =>
      [startOf(day, zone), endOf(day, zone)].map(one => one?.toISOString());
    expect(times('2026-11-20', 'UTC')).toEqual([
      '2026-11-20T00:00:00.000Z',
      '2026-11-20T23:59:59.999Z'
    ]);
    expect(times('2026-11-20', 'Asia/Tokyo')[0]).toBe('2026-11-19T15:00:00.000Z');
    expect(times('2026-10-25', 'Europe/Berlin')).toEqual([
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T22:59:59.999Z'
    ]);
    expect(times('2026-03-29', 'Europe/Berlin')).toEqual([
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T21:59:59.999Z'
    ]);
    // Midnight is jumped over, and comes twice.
    expect(times('2026-03-08', 'America/Havana')[0]).toBe('2026-03-08T05:00:00.000Z');
    expect(times('2026-11-01', 'America/Havana')[0]).toBe('2026-11-01T04:00:00.000Z');
    expect(startOf('', 'UTC')).toBeNull();
    expect(endOf('', 'UTC')).toBeNull();
  });

  it('move by keys', () => {
    const to = (key: string) => dayByKey(key, '2026-11-20', 'month');
    expect(['ArrowRight', 'ArrowUp', 'Home', 'End', 'PageDown', 'a'].map(to)).toEqual([
      '2026-11-21',
      '2026-11-13',
      '2026-11-16',
      '2026-11-22',
      '2026-12-20',
      null
    ]);
    expect(dayByKey('PageUp', '2026-11-20', 'week')).toBe('2026-11-13');
    expect(movedMonths('2026-01-31', 1)).toBe('2026-02-28');
  });
});

describe('loading', () => {
  const entry = (pipeline: string, at: string) => ({
    at,
    logical_date: at,
    pipeline,
    pipeline_name: pipeline,
    state: 'missed',
    runs: 0
  });
  const change = { at: 'x', day: '2026-11-20', timezone: 'UTC', before: 0, after: 60 };
  const part = (entries: unknown[], cursor: string | null) => ({
    days: [{ day: '2026-11-20', counts: { missed: entries.length }, entries, groups: [] }],
    clock_changes: [change],
    next_cursor: cursor
  });
  const query = 'calendar?from=2026-11-01&to=2026-11-30&timezone=UTC';

  it('joins pages and tenants by day, in order of time', async () => {
    const transport = new TableTransport({
      [`GET tenants/a/${query}`]: part([entry('late', '2026-11-20T09:00:00Z')], 'c'),
      [`GET tenants/a/${query}&cursor=c`]: part([entry('p', '2026-11-20T07:00:00Z')], null),
      [`GET tenants/b/${query}`]: part([entry('q', '2026-11-20T08:00:00Z')], null)
    });
    const scopes = [{ tenant: 'a' }, { tenant: 'b' }];
    const client = new Client(transport);
    const found = await loadCalendar(client, scopes, '2026-11-01', '2026-11-30', 'UTC');
    const day = found.days.get('2026-11-20');
    expect(day?.counts).toEqual({ missed: 3 });
    expect(day?.dates.map(date => [date.tenant, date.pipeline])).toEqual([
      ['a', 'p'],
      ['b', 'q'],
      ['a', 'late']
    ]);
    expect(found.changes).toHaveLength(1);
    expect(found.more).toBe(false);
  });
});

describe('holes', () => {
  it('are dates without a result that could get one', () => {
    const states = ['missed', 'failed', 'succeeded', 'paused', 'upcoming', 'running'] as const;
    const fillable = true;
    expect(states.filter(state => isHole({ state, fillable }))).toEqual(['missed', 'failed']);
    expect(isHole({ state: 'failed', fillable: false })).toBe(false);
  });
});
