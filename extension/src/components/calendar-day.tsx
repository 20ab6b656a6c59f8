/** The day that is chosen on the calendar: each date in words, with its run and its reason. */
import * as React from 'react';
import {
  DATE_STATES,
  isHole,
  loadCalendar,
  noon,
  type Counts,
  type Day,
  type ICalendar,
  type ICalendarDay,
  type IDate,
  type IGroup,
  type IScope
} from '../model/calendar';
import { Resource } from '../model/resource';
import { dateWord } from '../model/words';
import { Button, Link, Loading, Name, ProblemBox, Section } from './basics';
import { clock } from './calendar-cell';
import { useGalley, useModel, useTrans } from './context';
import { FillDate } from './fill-holes';
import { Badge } from './glyph';

/** How often a day is asked for again while its runs change, milliseconds. */
const EVERY = 3000;

/** Rows that are shown at first. */
const ROWS = 100;

export function DayDetails(props: {
  day: Day;
  content?: ICalendarDay;
  scopes: readonly IScope[];
  zone: string;
}): JSX.Element {
  const trans = useTrans();
  const { content, day } = props;
  const alone = props.scopes.find(scope => scope.slug !== undefined);
  const title = noon(day).toLocaleDateString(undefined, { dateStyle: 'full', timeZone: 'UTC' });
  return (
    <Section title={title} className="jp-mod-wide">
      {content && content.dates.length + content.groups.length > 0 ? (
        <>
          {content.groups.map(group =>
            alone ? (
              <Whole key={group.pipeline} scope={alone} day={day} zone={props.zone} />
            ) : (
              <Group key={`${group.tenant}/${group.pipeline}`} group={group} />
            )
          )}
          <Dates dates={content.dates} zone={props.zone} named={!alone} />
        </>
      ) : (
        <p className="jp-Galley-muted">{trans.__('Nothing ran and nothing is to come.')}</p>
      )}
    </Section>
  );
}

/** Every date of a day on which the pipeline has too many for the grid. */
function Whole(props: { scope: IScope; day: Day; zone: string }): JSX.Element {
  const { client, events } = useGalley();
  const { scope, day, zone } = props;
  const whole = useModel(() => {
    const resource = new Resource<ICalendar>(() =>
      loadCalendar(client, [scope], day, day, zone)
    ).follow(
      events,
      event =>
        /^(run|schedule)\.changed$/.test(event.kind) &&
        event.tenant === scope.tenant &&
        event.pipeline === scope.slug,
      EVERY
    );
    void resource.refresh();
    return resource;
  }, `${scope.tenant}/${scope.slug}/${day}/${zone}`);
  return (
    <>
      <ProblemBox problem={whole.problem} retry={() => void whole.refresh()} />
      {whole.value ? (
        <Dates dates={whole.value.days.get(day)?.dates ?? []} zone={zone} named={false} />
      ) : (
        !whole.problem && <Loading lines={3} />
      )}
    </>
  );
}

function Group({ group }: { group: IGroup }): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-Galley-calendarGroup">
      <Link
        to={{ kind: 'pipeline', tenant: group.tenant, slug: group.pipeline, tab: 'calendar' }}
        title={trans.__('Its own calendar lists each of them.')}
      >
        <Name text={group.pipeline_name} most={48} />
      </Link>
      <Totals counts={group.counts} />
    </div>
  );
}

function Totals({ counts }: { counts: Counts }): JSX.Element {
  const trans = useTrans();
  return (
    <span className="jp-Galley-row">
      {DATE_STATES.filter(state => counts[state]).map(state => {
        const word = dateWord(trans, state);
        return (
          <Badge
            key={state}
            word={{ ...word, text: `${counts[state]?.toLocaleString()} ${word.text}` }}
            plain
          />
        );
      })}
    </span>
  );
}

function Dates(props: {
  dates: readonly IDate[];
  zone: string;
  named: boolean;
}): JSX.Element | null {
  const trans = useTrans();
  const { dates, named } = props;
  const [shown, setShown] = React.useState(ROWS);
  if (dates.length === 0) {
    return null;
  }
  return (
    <>
      <table className="jp-Galley-table jp-mod-rows jp-Galley-calendarDates">
        <thead>
          <tr>
            <th>{trans.__('For')}</th>
            {named && <th>{trans.__('Pipeline')}</th>}
            <th>{trans.__('State')}</th>
            <th>{trans.__('Why')}</th>
            <th>
              <span className="jp-Galley-hidden">{trans.__('Fill')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {dates.slice(0, shown).map(date => (
            <Row key={`${date.pipeline}${date.logical_date}${date.run}`} {...props} date={date} />
          ))}
        </tbody>
      </table>
      {dates.length > shown && (
        <Button
          kind="quiet"
          label={trans.__('Show %1 more', dates.length - shown)}
          onClick={() => setShown(dates.length)}
        />
      )}
    </>
  );
}

function Row(props: { date: IDate; zone: string; named: boolean }): JSX.Element {
  const trans = useTrans();
  const { date } = props;
  const badge = <Badge word={dateWord(trans, date.state)} />;
  return (
    <tr>
      <td className="jp-Galley-time">{clock(date.logical_date, props.zone)}</td>
      {props.named && (
        <td>
          <Link to={{ kind: 'pipeline', tenant: date.tenant, slug: date.pipeline }}>
            <Name text={date.pipeline_name} most={48} />
          </Link>
        </td>
      )}
      <td>
        {date.run ? <Link to={{ kind: 'run', id: date.run }}>{badge}</Link> : badge}
        {date.runs > 1 && (
          <span className="jp-Galley-muted"> {trans.__('%1 runs', date.runs)}</span>
        )}
      </td>
      <td>
        {[date.reason, date.note].filter(Boolean).map((text, index) => (
          <div key={index} className="jp-Galley-clip" title={text ?? undefined}>
            {text}
          </div>
        ))}
      </td>
      <td className="jp-mod-number">{isHole(date) && <FillDate date={date} />}</td>
    </tr>
  );
}
