/** The calendar of truth: what ran, what did not and why, and what is to come, by month or week. */
import * as React from 'react';
import { caretLeftIcon, caretRightIcon } from '@jupyterlab/ui-components';
import type { GalleyEvent, Pipeline } from '../api/types';
import {
  DATE_STATES,
  dayByKey,
  dayOf,
  holesOf,
  loadCalendar,
  moved,
  movedMonths,
  noon,
  weeksAround,
  type Day,
  type ICalendar,
  type IScope,
  type Span
} from '../model/calendar';
import { Resource } from '../model/resource';
import { dateWord } from '../model/words';
import { Button, Empty, Loading, ProblemBox } from './basics';
import { CalendarCell, clockText } from './calendar-cell';
import { DayDetails } from './calendar-day';
import { useGalley, useModel, useNow, useTrans } from './context';
import { FillHoles } from './fill-holes';
import { Badge, Glyph } from './glyph';

/** How often a calendar is asked for again while runs change, milliseconds: it is a lot to read. */
const EVERY = 5000;

interface ILoaded {
  /** What was asked for. */
  key: string;
  calendar: ICalendar;
}

const NOTHING: ICalendar = { timezone: '', days: new Map(), changes: [], more: false };

const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

export function CalendarView(props: {
  scopes: readonly IScope[];
  /** Where one pipeline is shown: its schedule's zone is offered, and its holes can be filled. */
  pipeline?: Pipeline;
}): JSX.Element {
  const { client, events, trans } = useGalley();
  const { scopes, pipeline } = props;
  const ownZone = pipeline?.schedule?.timezone;
  const now = useNow(60);
  const [zone, setZone] = React.useState(ownZone ?? OWN_ZONE);
  const [span, setSpan] = React.useState<Span>('month');
  const today = dayOf(now, zone);
  const [chosen, choose] = React.useState<Day>(today);
  const grid = React.useRef<HTMLTableElement>(null);
  const byKey = React.useRef(false);
  const weeks = weeksAround(chosen, span);
  const [first, last] = [weeks[0][0], weeks[weeks.length - 1][6]];
  const key = `${scopes.map(one => `${one.tenant}/${one.slug ?? ''}`).join()}/${first}/${last}/${zone}`;
  const shown = React.useRef(scopes);
  shown.current = scopes;
  const load = async (): Promise<ILoaded> => ({
    key,
    calendar: await loadCalendar(client, scopes, first, last, zone)
  });
  const calendar = useModel(
    () => new Resource(load).follow(events, event => concerns(event, shown.current), EVERY),
    'calendar'
  );
  React.useEffect(() => {
    void calendar.reload(load);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the key says what is to be loaded
  }, [calendar, key]);
  // Of other days until those that are asked for have come; the grid stays, and the focus in it.
  const stale = calendar.value !== null && calendar.value.key !== key;
  const value = stale ? NOTHING : (calendar.value?.calendar ?? null);
  const move = (steps: number): void =>
    choose(span === 'month' ? movedMonths(chosen, steps) : moved(chosen, 7 * steps));
  const onKey = (event: React.KeyboardEvent): void => {
    const day = dayByKey(event.key, chosen, span);
    if (day && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      byKey.current = true;
      choose(day);
    }
  };
  React.useEffect(() => {
    // The focus goes where the keys lead, to another month too, but does not come here by itself.
    if (byKey.current || grid.current?.contains(document.activeElement)) {
      byKey.current = false;
      grid.current?.querySelector<HTMLElement>('[aria-selected=true]')?.focus();
    }
  }, [chosen, value]);
  return (
    <div className="jp-Galley-calendar">
      <div className="jp-Galley-calendarBar">
        <Step
          label={trans.__('Earlier')}
          icon={<caretLeftIcon.react tag="span" elementSize="large" />}
          onClick={() => move(-1)}
        />
        <Button label={trans.__('Today')} onClick={() => choose(today)} />
        <Step
          label={trans.__('Later')}
          icon={<caretRightIcon.react tag="span" elementSize="large" />}
          onClick={() => move(1)}
        />
        <h3 aria-live="polite">{titleOf(chosen, weeks, span)}</h3>
        <span className="jp-Galley-spacer" />
        {pipeline && value && (
          <FillHoles pipeline={pipeline} holes={holesOf(value)} timezone={zone} />
        )}
        <Choice<Span>
          label={trans.__('Show')}
          value={span}
          onChange={setSpan}
          options={[
            ['month', trans.__('Month')],
            ['week', trans.__('Week')]
          ]}
        />
        <Choice
          label={trans.__('Days of')}
          value={zone}
          onChange={setZone}
          options={zonesOf(ownZone).map(one => [one, one])}
        />
      </div>
      <ProblemBox problem={calendar.problem} retry={() => void calendar.refresh()} />
      {value?.changes.map(change => (
        <p key={`${change.at}${change.timezone}`} className="jp-Galley-calendarClock">
          <Glyph name="clock" />
          <span>
            {dayText(change.day)}: {clockText(trans, change)}
          </span>
        </p>
      ))}
      {value?.more && (
        <p className="jp-Galley-muted">
          {trans.__('There are more pipelines than fit here: open one for its own calendar.')}
        </p>
      )}
      {!value && calendar.loading ? (
        <Loading lines={6} />
      ) : (
        value && (
          <>
            <table
              ref={grid}
              role="grid"
              className={`jp-Galley-calendarGrid jp-mod-${span}`}
              aria-label={titleOf(chosen, weeks, span)}
              aria-busy={calendar.loading}
              onKeyDown={onKey}
            >
              <thead>
                <tr>
                  {weeks[0].map(day => (
                    <th key={day} scope="col" abbr={weekday(day, 'long')}>
                      {weekday(day, 'short')}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {weeks.map(week => (
                  <tr key={week[0]}>
                    {week.map(day => (
                      <CalendarCell
                        key={day}
                        day={day}
                        content={value.days.get(day)}
                        changes={value.changes.filter(change => change.day === day)}
                        zone={zone}
                        most={span === 'month' ? 3 : 14}
                        named={scopes.some(scope => scope.slug === undefined)}
                        outside={span === 'month' && day.slice(0, 7) !== chosen.slice(0, 7)}
                        today={day === today}
                        chosen={day === chosen}
                        onChoose={choose}
                      />
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
            <Legend />
            {!stale && value.days.size === 0 && (
              <Empty title={trans.__('Nothing ran and nothing is to come in this time.')}>
                {trans.__('A pipeline with a schedule shows its dates here, weeks ahead.')}
              </Empty>
            )}
            {stale ? (
              !calendar.problem && <Loading lines={3} />
            ) : (
              <DayDetails
                key={chosen}
                day={chosen}
                content={value.days.get(chosen)}
                scopes={scopes}
                zone={zone}
              />
            )}
          </>
        )
      )}
    </div>
  );
}

function concerns(event: GalleyEvent, scopes: readonly IScope[]): boolean {
  return (
    /^(run|schedule|pipeline)\.changed$/.test(event.kind) &&
    scopes.some(
      scope => scope.tenant === event.tenant && (scope.slug ?? event.pipeline) === event.pipeline
    )
  );
}

function Step(props: { label: string; icon: React.ReactNode; onClick: () => void }): JSX.Element {
  return (
    <button
      type="button"
      className="jp-Galley-iconButton"
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      {props.icon}
    </button>
  );
}

function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: [T, string][];
  onChange: (value: T) => void;
}): JSX.Element {
  return (
    <label className="jp-Galley-filter">
      <span>{props.label}</span>
      <select value={props.value} onChange={event => props.onChange(event.target.value as T)}>
        {props.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** What each sign means: its shape and its word, never its colour alone. */
function Legend(): JSX.Element {
  const trans = useTrans();
  return (
    <ul className="jp-Galley-calendarLegend" aria-label={trans.__('Legend')}>
      {DATE_STATES.map(state => (
        <li key={state}>
          <Badge word={dateWord(trans, state)} plain />
        </li>
      ))}
    </ul>
  );
}

function zonesOf(own?: string): string[] {
  return [...new Set([...(own ? [own] : []), OWN_ZONE, 'UTC'])];
}

function weekday(day: Day, form: 'short' | 'long'): string {
  return noon(day).toLocaleDateString(undefined, { weekday: form, timeZone: 'UTC' });
}

function dayText(day: Day): string {
  return noon(day).toLocaleDateString(undefined, {
    day: 'numeric',
    month: 'long',
    timeZone: 'UTC'
  });
}

function titleOf(day: Day, weeks: Day[][], span: Span): string {
  if (span === 'month') {
    return noon(day).toLocaleDateString(undefined, {
      month: 'long',
      year: 'numeric',
      timeZone: 'UTC'
    });
  }
  const form = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeZone: 'UTC' });
  return form.formatRange(noon(weeks[0][0]), noon(weeks[0][6]));
}
