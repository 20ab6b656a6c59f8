/** Times as people read them: relative for the recent, in the reader's zone otherwise. */
import type { TranslationBundle } from '@jupyterlab/translation';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "3 min ago", "in 2 h", "yesterday 14:05", "21 Nov 03:41". */
export function relative(trans: TranslationBundle, then: Date, now: Date): string {
  const seconds = (then.getTime() - now.getTime()) / 1000;
  const size = Math.abs(seconds);
  if (size < 45) {
    return seconds > 0 ? trans.__('in a moment') : trans.__('just now');
  }
  if (size < HOUR) {
    return ahead(trans, seconds, trans.__('%1 min', Math.max(1, Math.round(size / MINUTE))));
  }
  if (size < 10 * HOUR) {
    return ahead(trans, seconds, trans.__('%1 h', Math.round(size / HOUR)));
  }
  return dayAndClock(trans, then, now);
}

/** "in 20 min", "in 30 h", "in 12 days": how far away, beside an instant that is shown itself. */
export function distance(trans: TranslationBundle, then: Date, now: Date): string {
  const seconds = (then.getTime() - now.getTime()) / 1000;
  const size = Math.abs(seconds);
  if (size < HOUR) {
    return relative(trans, then, now);
  }
  if (size < 2 * DAY) {
    return ahead(trans, seconds, trans.__('%1 h', Math.round(size / HOUR)));
  }
  return ahead(trans, seconds, trans.__('%1 days', Math.round(size / DAY)));
}

/** "today 06:00", "yesterday 14:05", "21 Nov 03:41": for instants that name something. */
export function dayAndClock(trans: TranslationBundle, then: Date, now: Date): string {
  const days = daysBetween(now, then);
  const clock = then.toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23'
  });
  if (days === 0) {
    return trans.__('today %1', clock);
  }
  if (days === 1) {
    return trans.__('tomorrow %1', clock);
  }
  if (days === -1) {
    return trans.__('yesterday %1', clock);
  }
  return `${shortDate(then, now)} ${clock}`;
}

function ahead(trans: TranslationBundle, seconds: number, amount: string): string {
  return seconds > 0 ? trans.__('in %1', amount) : trans.__('%1 ago', amount);
}

function daysBetween(from: Date, to: Date): number {
  const midnight = (date: Date) =>
    Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 1000;
  return Math.round((midnight(to) - midnight(from)) / DAY);
}

function shortDate(date: Date, now: Date): string {
  const year = date.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return date.toLocaleDateString(undefined, { day: 'numeric', month: 'short', year });
}

/** Date and time to the second in `zone` (default: the reader's), with the zone's name. */
export function exact(date: Date, zone?: string): string {
  return date.toLocaleString(undefined, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZone: zone,
    timeZoneName: 'short'
  });
}

/** What hovering over a time shows: the reader's zone, UTC and the pipeline's zone. */
export function everyZone(date: Date, zone?: string | null): string {
  const lines = [exact(date), `UTC: ${date.toISOString().replace('T', ' ').slice(0, 19)}`];
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && zone !== 'UTC' && zone !== own) {
    lines.push(`${zone}: ${exact(date, zone)}`);
  }
  return lines.join('\n');
}

/** "0.8 s", "12 s", "1 min 12 s", "2 h 5 min", "3 d 4 h". */
export function duration(trans: TranslationBundle, seconds: number): string {
  if (seconds < 9.95) {
    return trans.__('%1 s', seconds.toFixed(1));
  }
  const whole = Math.round(seconds);
  const [d, h, m, s] = [
    Math.floor(whole / DAY),
    Math.floor((whole % DAY) / HOUR),
    Math.floor((whole % HOUR) / MINUTE),
    whole % MINUTE
  ];
  if (d > 0) {
    return h ? trans.__('%1 d %2 h', d, h) : trans.__('%1 d', d);
  }
  if (h > 0) {
    return m ? trans.__('%1 h %2 min', h, m) : trans.__('%1 h', h);
  }
  if (m > 0) {
    return s ? trans.__('%1 min %2 s', m, s) : trans.__('%1 min', m);
  }
  return trans.__('%1 s', s);
}

/** Seconds between two instants; to `now` where the end is open, null where nothing began. */
export function elapsed(
  start: string | null | undefined,
  end: string | null | undefined,
  now: Date
): number | null {
  if (!start) {
    return null;
  }
  const until = end ? new Date(end) : now;
  return Math.max(0, (until.getTime() - new Date(start).getTime()) / 1000);
}
