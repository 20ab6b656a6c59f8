/** The triggers of a pipeline: what starts its runs beside the schedule, with pause and resume. */
import * as React from 'react';
import type { IPage, Pipeline, Trigger } from '../api/types';
import { may } from '../model/galley';
import { Resource } from '../model/resource';
import { Button, Copyable, Empty, Link, Loading, Name, ProblemBox, Section, Time } from './basics';
import { useAction, useChanges, useGalley, useModel } from './context';
import { Badge } from './glyph';

export function Triggers({ pipeline }: { pipeline: Pipeline }): JSX.Element {
  const { client, events, trans } = useGalley();
  const { tenant, slug } = pipeline;
  const found = useModel(() => {
    const resource = new Resource<IPage<Trigger>>(() => client.triggers(tenant, slug)).follow(
      events,
      event => event.kind === 'trigger.changed' && event.pipeline === slug
    );
    void resource.refresh();
    return resource;
  }, `${tenant}/${slug}/triggers`);
  return (
    <Section title={trans.__('Triggers')} className="jp-mod-wide">
      <ProblemBox problem={found.problem} retry={() => void found.refresh()} />
      {!found.value ? (
        !found.problem && <Loading lines={2} />
      ) : found.value.items.length === 0 ? (
        <Empty title={trans.__('Nothing but its schedule and people starts it.')}>
          {trans.__(
            'galley trigger add %1 NAME --after PIPELINE, --file URL or --webhook, in a terminal.',
            slug
          )}
        </Empty>
      ) : (
        <table className="jp-Galley-table">
          <thead>
            <tr>
              <th>{trans.__('Trigger')}</th>
              <th>{trans.__('Upon')}</th>
              <th>{trans.__('State')}</th>
              <th>{trans.__('Last fired')}</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {found.value.items.map(one => (
              <TriggerLine key={one.id} trigger={one} onChanged={() => void found.refresh()} />
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

function TriggerLine(props: { trigger: Trigger; onChanged: () => void }): JSX.Element {
  const { trans } = useGalley();
  const one = props.trigger;
  const failing = one.watch?.error;
  return (
    <tr>
      <td data-label={trans.__('Trigger')}>
        <code>{one.name}</code>
      </td>
      <td data-label={trans.__('Upon')}>
        <Upon trigger={one} />
      </td>
      <td data-label={trans.__('State')}>
        <Badge
          word={
            one.paused
              ? { text: trans.__('Paused by %1', one.paused_by), tone: 'warn', glyph: 'pause' }
              : failing
                ? { text: trans.__('Cannot look'), tone: 'bad', glyph: 'warning' }
                : { text: trans.__('Active'), tone: 'good', glyph: 'check' }
          }
        />
        {failing && <div className="jp-Galley-muted">{failing}</div>}
      </td>
      <td data-label={trans.__('Last fired')}>
        {one.last_fired ? (
          <Time at={one.last_fired} />
        ) : (
          <span className="jp-Galley-muted">{trans.__('never')}</span>
        )}
      </td>
      <td>
        <PauseTrigger {...props} />
      </td>
    </tr>
  );
}

function Upon({ trigger }: { trigger: Trigger }): JSX.Element {
  const { trans } = useGalley();
  const { source, tenant } = trigger;
  switch (source.type) {
    case 'upstream':
      return (
        <span>
          {trans.__('the success of')}{' '}
          {source.pipelines.map((slug, index) => (
            <React.Fragment key={slug}>
              {index > 0 && ', '}
              <Link to={{ kind: 'pipeline', tenant, slug }}>{slug}</Link>
            </React.Fragment>
          ))}
        </span>
      );
    case 'file':
      return (
        <span>
          {trans.__('a new version of')}{' '}
          <code>
            <Name text={source.url} most={48} />
          </code>
        </span>
      );
    default:
      return (
        <span>
          {trans.__('a signed request')}{' '}
          <Copyable text={`/services/galley/api/v1${trigger.hook}`} />
        </span>
      );
  }
}

function PauseTrigger(props: { trigger: Trigger; onChanged: () => void }): JSX.Element {
  const galley = useGalley();
  const { client, me, trans } = galley;
  useChanges(me);
  const action = useAction();
  const { tenant, pipeline: slug, name, paused } = props.trigger;
  const label = paused ? trans.__('Resume') : trans.__('Pause');
  if (!galley.decidesHere) {
    return (
      <Button
        kind="quiet"
        label={`${label}…`}
        title={trans.__('Opens Galley’s own window: this lab’s token may not do that.')}
        onClick={() => galley.openWindow({ kind: 'pipeline', tenant, slug, tab: 'settings' })}
      />
    );
  }
  return (
    <>
      <Button
        kind="quiet"
        label={label}
        title={trans.__('What happens while it is paused is not caught up.')}
        busy={action.busy}
        reason={
          may(me.value, tenant, 'operate')
            ? null
            : trans.__('Your roles in %1 do not allow pausing triggers.', tenant)
        }
        onClick={() =>
          action.start(async () => {
            await (paused
              ? client.resumeTrigger(tenant, slug, name)
              : client.pauseTrigger(tenant, slug, name));
            props.onChanged();
          })
        }
      />
      <ProblemBox problem={action.problem} />
    </>
  );
}
