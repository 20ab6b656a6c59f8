/** The schedule in force: in words, its next firings, pause and resume. */
import * as React from 'react';
import type { Firing, Pipeline } from '../api/types';
import { may } from '../model/galley';
import { Resource } from '../model/resource';
import { Button, Distance, Empty, Facts, Loading, ProblemBox } from './basics';
import { useAction, useChanges, useGalley, useModel } from './context';
import { Badge } from './glyph';
import { ruleFacts } from './schedule-facts';

export function PauseButton(props: {
  pipeline: Pipeline;
  onChanged: (pipeline: Pipeline) => void;
}): JSX.Element | null {
  const galley = useGalley();
  const { client, me, trans } = galley;
  useChanges(me);
  const action = useAction();
  const { pipeline } = props;
  const { tenant, slug } = pipeline;
  if (!pipeline.schedule) {
    return null;
  }
  const paused = pipeline.schedule.paused;
  const label = paused ? trans.__('Resume schedule') : trans.__('Pause schedule');
  if (!galley.decidesHere) {
    return (
      <Button
        label={`${label}…`}
        title={trans.__('Opens Galley’s own window: this lab’s token may not do that.')}
        onClick={() => galley.openWindow({ kind: 'pipeline', tenant, slug, tab: 'settings' })}
      />
    );
  }
  return (
    <>
      <Button
        label={label}
        title={
          paused
            ? trans.__('Firings that were missed while it was paused are not caught up.')
            : trans.__('No run starts by the schedule until it is resumed.')
        }
        busy={action.busy}
        reason={
          may(me.value, tenant, 'operate')
            ? null
            : trans.__('Your roles in %1 do not allow pausing schedules.', tenant)
        }
        onClick={() =>
          action.start(async () =>
            props.onChanged(
              paused ? await client.resume(tenant, slug) : await client.pause(tenant, slug)
            )
          )
        }
      />
      <ProblemBox problem={action.problem} />
    </>
  );
}

interface IOutlook {
  words: string;
  clockRule: string;
  firings: Firing[];
}

export function ScheduleView({ pipeline }: { pipeline: Pipeline }): JSX.Element {
  const { client, events, trans } = useGalley();
  const { schedule, tenant, slug } = pipeline;
  const firings = useModel(() => {
    const resource = new Resource<IOutlook>(async () => {
      if (!schedule) {
        return { words: '', clockRule: '', firings: [] };
      }
      const [meaning, next] = await Promise.all([
        client.previewSchedule(schedule.cron, schedule.timezone, 1),
        schedule.paused ? { firings: [] } : client.nextFirings(tenant, slug)
      ]);
      return {
        words: meaning.description,
        clockRule: meaning.clock_rule,
        firings: next.firings
      };
    }).follow(events);
    void resource.refresh();
    return resource;
  }, `${tenant}/${slug}/${schedule?.id}/${schedule?.cron}/${schedule?.paused}/${schedule?.next_firing}`);
  if (!schedule) {
    return (
      <Empty title={trans.__('No schedule: it runs by hand.')}>
        {trans.__('Add a schedule, or publish the notebook again with one.')}
      </Empty>
    );
  }
  return (
    <>
      <Facts
        facts={[
          [trans.__('It runs'), firings.value?.words],
          [trans.__('Cron'), <code key="c">{schedule.cron}</code>],
          [trans.__('Time zone'), schedule.timezone],
          [trans.__('Clock changes'), firings.value?.clockRule],
          [
            trans.__('After downtime'),
            schedule.catch_up === 'latest'
              ? trans.__('the latest missed firing runs once')
              : schedule.catch_up === 'all'
                ? trans.__('missed firings run, the latest %1 of them', schedule.catch_up_limit)
                : trans.__('missed firings are skipped')
          ],
          ...ruleFacts(trans, schedule),
          [
            trans.__('State'),
            schedule.paused ? (
              <Badge
                key="s"
                word={{
                  text: schedule.paused_by
                    ? trans.__('Paused by %1', schedule.paused_by)
                    : trans.__('Paused'),
                  tone: 'warn',
                  glyph: 'pause'
                }}
              />
            ) : (
              <Badge key="s" word={{ text: trans.__('Active'), tone: 'good', glyph: 'check' }} />
            )
          ]
        ]}
      />
      {!schedule.paused && (
        <>
          <h4>{trans.__('Next firings')}</h4>
          <ProblemBox problem={firings.problem} retry={() => void firings.refresh()} />
          {firings.value ? (
            <FiringList firings={firings.value.firings} zone={schedule.timezone} />
          ) : (
            !firings.problem && <Loading />
          )}
        </>
      )}
    </>
  );
}

export function FiringList(props: { firings: readonly Firing[]; zone: string }): JSX.Element {
  const { trans } = useGalley();
  if (props.firings.length === 0) {
    return <Empty title={trans.__('It never fires.')} />;
  }
  return (
    <ol className="jp-Galley-firings">
      {props.firings.map(firing => (
        <li key={firing.at}>
          <span title={firing.local}>{wallClock(firing.local)}</span>
          <span className="jp-Galley-muted">
            <Distance at={firing.at} zone={props.zone} />
          </span>
          {firing.parameters && (
            <code className="jp-Galley-firingValues">{valuesOf(firing.parameters)}</code>
          )}
          {firing.note && <span className="jp-Galley-warn">{firing.note}</span>}
        </li>
      ))}
    </ol>
  );
}

function valuesOf(parameters: Record<string, unknown>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join(', ');
}

/** "Mon 23 Nov 2026 06:00 +01:00" out of ISO 8601 with an offset, in that offset's own clock. */
export function wallClock(local: string): string {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?(.*)$/.exec(local);
  if (!match) {
    return local;
  }
  const [, year, month, day, clock, offset] = match;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  const text = date.toLocaleDateString(undefined, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC'
  });
  return `${text} ${clock} ${offset === 'Z' ? 'UTC' : offset}`.trim();
}
