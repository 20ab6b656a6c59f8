/** The calendar as the page shows it: days of one zone, with the dates of several tenants. */
import type { Client } from '../api/client';
import type { CalendarEntry, CalendarGroup, ClockChange, DateState } from '../api/types';

/** Pages that one look at the calendar asks for at most, for each tenant. */
const MOST_PAGES = 10;

export type Span = 'month' | 'week';

/** A day as "2026-11-30": compared and moved without any clock. */
export type Day = string;

export type Counts = Partial<Record<DateState, number>>;

export interface IScope {
  tenant: string;
  /** Missing: all of the tenant's pipelines. */
  slug?: string;
}

export interface IDate extends CalendarEntry {
  tenant: string;
}

export interface IGroup extends CalendarGroup {
  tenant: string;
}

export interface ICalendarDay {
  counts: Counts;
  dates: IDate[];
  groups: IGroup[];
}

export interface ICalendar {
  timezone: string;
  days: Map<Day, ICalendarDay>;
  changes: ClockChange[];
  /** There are more pipelines than were asked for. */
  more: boolean;
}

/** The states in the order in which they matter to a reader. */
export const DATE_STATES: DateState[] = [
  'failed',
  'timed_out',
  'missed',
  'running',
  'queued',
  'succeeded',
  'upcoming',
  'paused',
  'skipped',
  'cancelled',
  'removed'
];

const HOLES: readonly DateState[] = ['missed', 'failed', 'timed_out', 'skipped', 'cancelled'];

/** Whether a date has no result and a backfill could give it one. */
export function isHole(date: Pick<CalendarEntry, 'state' | 'fillable'>): boolean {
  return HOLES.includes(date.state) && date.fillable;
}

export interface IHoles {
  count: number;
  first: Day;
  last: Day;
}

/** How many holes there are, and the days from the first to the last; null where there is none. */
export function holesOf(calendar: ICalendar): IHoles | null {
  let count = 0;
  const days: Day[] = [];
  for (const [day, { dates, groups }] of calendar.days) {
    const here = groups.reduce((sum, one) => sum + one.holes, dates.filter(isHole).length);
    if (here > 0) {
      count += here;
      days.push(day);
    }
  }
  days.sort();
  return count > 0 ? { count, first: days[0], last: days[days.length - 1] } : null;
}

/** All of the dates from one day to another, both shown whole. */
export async function loadCalendar(
  client: Client,
  scopes: readonly IScope[],
  first: Day,
  last: Day,
  timezone: string
): Promise<ICalendar> {
  const found: ICalendar = { timezone, days: new Map(), changes: [], more: false };
  const query = { from: first, to: last, timezone };
  await Promise.all(
    scopes.map(async ({ tenant, slug }) => {
      let cursor: string | null = null;
      for (let page = 0; page < MOST_PAGES; page++) {
        const part = await client.calendar(tenant, slug, { ...query, cursor });
        for (const { day, counts, entries = [], groups = [] } of part.days) {
          const into = found.days.get(day) ?? { counts: {}, dates: [], groups: [] };
          found.days.set(day, into);
          add(into.counts, counts);
          into.dates.push(...entries.map(entry => ({ ...entry, tenant })));
          into.groups.push(...groups.map(group => ({ ...group, tenant })));
        }
        for (const change of part.clock_changes) {
          const known = found.changes.some(
            one => one.at === change.at && one.timezone === change.timezone
          );
          if (!known) {
            found.changes.push(change);
          }
        }
        cursor = part.next_cursor ?? null;
        if (!cursor) {
          return;
        }
      }
      found.more = true;
    })
  );
  for (const { dates } of found.days.values()) {
    dates.sort(
      (a, b) =>
        a.logical_date.localeCompare(b.logical_date) ||
        a.pipeline_name.localeCompare(b.pipeline_name)
    );
  }
  return found;
}

export function sumOf(counts: readonly Counts[]): Counts {
  const sum: Counts = {};
  counts.forEach(one => add(sum, one));
  return sum;
}

function add(into: Counts, counts: Counts): void {
  for (const state of DATE_STATES) {
    if (counts[state]) {
      into[state] = (into[state] ?? 0) + counts[state];
    }
  }
}

export function dayOf(date: Date, timezone: string): Day {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit'
  }).formatToParts(date);
  const part = (type: string) => parts.find(one => one.type === type)?.value ?? '';
  return `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`;
}

/** When a day begins in a zone; null where `day` is none. */
export function startOf(day: Day, timezone: string): Date | null {
  const utc = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(utc)) {
    return null;
  }
  // The clock may change within a day of it: it is the first instant of that day either way.
  const instants = [-86_400_000, 86_400_000].map(
    step => new Date(utc - offset(new Date(utc + step), timezone))
  );
  const [first, second] = instants.sort((a, b) => a.getTime() - b.getTime());
  return dayOf(first, timezone) === day ? first : second;
}

/** The last instant of a day in a zone, to the millisecond. */
export function endOf(day: Day, timezone: string): Date | null {
  const next = startOf(day, timezone) && startOf(moved(day, 1), timezone);
  return next && new Date(next.getTime() - 1);
}

/** How far the clock of a zone is ahead of UTC, milliseconds. */
function offset(at: Date, timezone: string): number {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric'
  }).formatToParts(at);
  const part = (type: string) => Number(parts.find(one => one.type === type)?.value);
  const local = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second')
  );
  return local - Math.floor(at.getTime() / 1000) * 1000;
}

/** Noon of a day in UTC: a date that any formatter set to UTC shows as this day. */
export function noon(day: Day): Date {
  return new Date(`${day}T12:00:00Z`);
}

export function moved(day: Day, days: number): Day {
  return new Date(noon(day).getTime() + days * 86_400_000).toISOString().slice(0, 10);
}

/** The same day of another month; its last one where it has no such day. */
export function movedMonths(day: Day, months: number): Day {
  const [year, month, date] = day.split('-').map(Number);
  const last = new Date(Date.UTC(year, month + months, 0)).getUTCDate();
  const found = Date.UTC(year, month - 1 + months, Math.min(date, last));
  return new Date(found).toISOString().slice(0, 10);
}

/** The weeks that are shown around a day, each from Monday to Sunday. */
export function weeksAround(day: Day, span: Span): Day[][] {
  const first = span === 'month' ? `${day.slice(0, 8)}01` : day;
  const last = span === 'month' ? moved(movedMonths(first, 1), -1) : day;
  const monday = moved(first, -((noon(first).getUTCDay() + 6) % 7));
  const weeks: Day[][] = [];
  for (let start = monday; start <= last; start = moved(start, 7)) {
    weeks.push(Array.from({ length: 7 }, (_, index) => moved(start, index)));
  }
  return weeks;
}

/** The day that a key leads to; null for keys that lead nowhere. */
export function dayByKey(key: string, day: Day, span: Span): Day | null {
  const step: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -7,
    ArrowDown: 7
  };
  const weekday = (noon(day).getUTCDay() + 6) % 7;
  switch (key) {
    case 'Home':
      return moved(day, -weekday);
    case 'End':
      return moved(day, 6 - weekday);
    case 'PageUp':
      return span === 'month' ? movedMonths(day, -1) : moved(day, -7);
    case 'PageDown':
      return span === 'month' ? movedMonths(day, 1) : moved(day, 7);
    default:
      return key in step ? moved(day, step[key]) : null;
  }
}
