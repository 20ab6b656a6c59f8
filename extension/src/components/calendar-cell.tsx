/** One day of the calendar's grid: a chip for each date, or a sum for each state where they are many. */
import * as React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ClockChange } from '../api/types';
import { duration } from '../format/time';
import {
  DATE_STATES,
  noon,
  sumOf,
  type Counts,
  type Day,
  type ICalendarDay,
  type IDate
} from '../model/calendar';
import { dateWord } from '../model/words';
import { useGalley, useTrans } from './context';
import { Glyph } from './glyph';

export interface ICalendarCellProps {
  day: Day;
  content?: ICalendarDay;
  /** The clock's changes of this day. */
  changes: readonly ClockChange[];
  zone: string;
  /** Chips at most. */
  most: number;
  /** Whether a chip says which pipeline it is of. */
  named: boolean;
  /** Whether the day belongs to another month. */
  outside: boolean;
  today: boolean;
  chosen: boolean;
  onChoose: (day: Day) => void;
}

export function CalendarCell(props: ICalendarCellProps): JSX.Element {
  const trans = useTrans();
  const { day, content, changes } = props;
  const marks = [
    props.outside ? 'jp-mod-outside' : '',
    props.today ? 'jp-mod-today' : '',
    content && content.groups.length + content.dates.length > 0 ? '' : 'jp-mod-empty'
  ];
  return (
    <td
      role="gridcell"
      className={marks.filter(Boolean).join(' ')}
      aria-selected={props.chosen}
      aria-current={props.today ? 'date' : undefined}
      aria-label={label(trans, props)}
      tabIndex={props.chosen ? 0 : -1}
      onClick={() => props.onChoose(day)}
    >
      <div className="jp-Galley-calendarDay">
        <span>{Number(day.slice(8))}</span>
        {changes.length > 0 && (
          <span
            className="jp-Galley-calendarMark"
            title={changes.map(change => clockText(trans, change)).join('\n')}
          >
            <Glyph name="clock" />
            <span aria-hidden="true">{trans.__('clock changes')}</span>
          </span>
        )}
      </div>
      {content && <Chips {...props} content={content} />}
    </td>
  );
}

function Chips(props: ICalendarCellProps & { content: ICalendarDay }): JSX.Element {
  const { dates, groups, counts } = props.content;
  if (dates.length > props.most) {
    return <Sums counts={counts} />;
  }
  return (
    <>
      <ul>
        {dates.map(date => (
          <li key={`${date.pipeline}${date.logical_date}${date.run}`}>
            <Chip date={date} zone={props.zone} named={props.named} />
          </li>
        ))}
      </ul>
      {groups.length > 0 && <Sums counts={sumOf(groups.map(group => group.counts))} />}
    </>
  );
}

function Chip(props: { date: IDate; zone: string; named: boolean }): JSX.Element {
  const { trans, href, go } = useGalley();
  const { date } = props;
  const word = dateWord(trans, date.state);
  const inside = (
    <>
      <Glyph name={word.glyph} spin={word.tone === 'busy'} />
      <span className="jp-Galley-time">{clock(date.logical_date, props.zone)}</span>
      {props.named && <span className="jp-Galley-calendarName">{date.pipeline_name}</span>}
    </>
  );
  const shared = {
    className: `jp-Galley-calendarChip jp-mod-${word.tone} jp-mod-${date.state}`,
    title: hint(trans, date, props.zone)
  };
  const run = date.run;
  if (!run) {
    return <span {...shared}>{inside}</span>;
  }
  return (
    <a
      {...shared}
      href={href({ kind: 'run', id: run })}
      tabIndex={-1}
      onClick={event => {
        if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
          event.preventDefault();
          event.stopPropagation();
          go({ kind: 'run', id: run });
        }
      }}
    >
      {inside}
    </a>
  );
}

function Sums({ counts }: { counts: Counts }): JSX.Element {
  const trans = useTrans();
  return (
    <ul className="jp-Galley-calendarSums">
      {DATE_STATES.filter(state => counts[state]).map(state => {
        const word = dateWord(trans, state);
        return (
          <li
            key={state}
            className={`jp-Galley-calendarChip jp-mod-${word.tone} jp-mod-${state}`}
            title={`${word.text}: ${counts[state]}`}
          >
            <Glyph name={word.glyph} />
            <span>{counts[state]?.toLocaleString()}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** What hovering over a date tells: state, pipeline, time, and why. */
function hint(trans: TranslationBundle, date: IDate, zone: string): string {
  return [
    `${dateWord(trans, date.state).text} · ${date.pipeline_name}`,
    new Date(date.logical_date).toLocaleString(undefined, {
      dateStyle: 'full',
      timeStyle: 'short',
      timeZone: zone
    }) + ` (${zone})`,
    date.reason,
    date.note
  ]
    .filter(Boolean)
    .join('\n');
}

export function clock(at: string, zone: string): string {
  return new Date(at).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZone: zone
  });
}

/** "The clock of Europe/Berlin goes forward by 1 h." */
export function clockText(trans: TranslationBundle, change: ClockChange): string {
  const minutes = change.after - change.before;
  const amount = duration(trans, Math.abs(minutes) * 60);
  return minutes > 0
    ? trans.__('the clock of %1 goes forward by %2', change.timezone, amount)
    : trans.__('the clock of %1 goes back by %2', change.timezone, amount);
}

/** What a screen reader says of a day. */
function label(trans: TranslationBundle, props: ICalendarCellProps): string {
  const { day, content, changes } = props;
  const counts = DATE_STATES.filter(state => content?.counts[state]).map(
    state => `${content?.counts[state]} ${dateWord(trans, state).text}`
  );
  return [
    noon(day).toLocaleDateString(undefined, { dateStyle: 'full', timeZone: 'UTC' }),
    counts.join(', ') || trans.__('nothing'),
    ...changes.map(change => clockText(trans, change))
  ].join('; ');
}
