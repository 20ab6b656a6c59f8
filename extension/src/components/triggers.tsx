/** The triggers of a pipeline: what starts its runs beside the schedule, and what can be done. */
import * as React from 'react';
import type { IPage, Pipeline, Trigger } from '../api/types';
import { duration } from '../format/time';
import { Resource } from '../model/resource';
import { Empty, Link, Loading, Name, ProblemBox, Section, Time } from './basics';
import { useGalley, useModel } from './context';
import { Badge } from './glyph';
import { AddTriggerButton, TriggerActions } from './trigger-actions';
import { FiringsButton } from './trigger-firings';
import { HookButton } from './trigger-hook';

export function Triggers({ pipeline }: { pipeline: Pipeline }): JSX.Element {
  const { client, events, trans } = useGalley();
  const { tenant, slug } = pipeline;
  const found = useModel(() => {
    const resource = new Resource<IPage<Trigger>>(() => client.triggers(tenant, slug)).follow(
      events,
      event =>
        event.kind === 'trigger.changed' && event.pipeline === slug && event.tenant === tenant
    );
    void resource.refresh();
    return resource;
  }, `${tenant}/${slug}/triggers`);
  const changed = (): void => void found.refresh();
  return (
    <Section
      title={trans.__('Triggers')}
      className="jp-mod-wide"
      aside={<AddTriggerButton pipeline={pipeline} onChanged={changed} />}
    >
      <ProblemBox problem={found.problem} retry={changed} />
      {!found.value ? (
        !found.problem && <Loading lines={2} />
      ) : found.value.items.length === 0 ? (
        <Empty title={trans.__('Nothing but its schedule and people starts it.')}>
          {trans.__(
            'A trigger runs it after other pipelines have succeeded, when a file, an object or a table has changed, or upon a signed request of another system.'
          )}
        </Empty>
      ) : (
        <table className="jp-Galley-table jp-mod-stacks">
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
              <TriggerLine key={one.id} trigger={one} pipeline={pipeline} onChanged={changed} />
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

function TriggerLine(props: {
  trigger: Trigger;
  pipeline: Pipeline;
  onChanged: () => void;
}): JSX.Element {
  const { trans } = useGalley();
  const one = props.trigger;
  const failing = one.watch?.error;
  const values = Object.entries(one.parameters);
  return (
    <tr>
      <td data-label={trans.__('Trigger')}>
        <code>
          <Name text={one.name} most={32} />
        </code>
        <div className="jp-Galley-muted">
          {trans.__('by %1', one.set_by)}, <Time at={one.since} />
        </div>
      </td>
      <td data-label={trans.__('Upon')}>
        <Upon trigger={one} />
        {values.length > 0 && (
          <div className="jp-Galley-muted">
            {trans.__('with')}{' '}
            <code>
              <Name
                text={values.map(([name, value]) => `${name} = ${String(value)}`).join(', ')}
                most={64}
              />
            </code>
          </div>
        )}
        {one.deadline_s && (
          <div className="jp-Galley-muted">
            {trans.__('to end within %1', duration(trans, one.deadline_s))}
          </div>
        )}
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
          <>
            <Time at={one.last_fired} /> <FiringsButton trigger={one} />
          </>
        ) : (
          <span className="jp-Galley-muted">{trans.__('never')}</span>
        )}
      </td>
      <td>
        <TriggerActions {...props} />
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
              <Link to={{ kind: 'pipeline', tenant, slug }}>
                <Name text={slug} most={32} />
              </Link>
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
          {trans.__('a signed request')} <HookButton trigger={trigger} />
        </span>
      );
  }
}
