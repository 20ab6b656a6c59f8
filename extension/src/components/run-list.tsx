/** Runs in a table, and the filters above it. */
import * as React from 'react';
import type { Run, RunState } from '../api/types';
import type { PagedList } from '../model/list';
import { ended, runStateWord, runWord, triggerText } from '../model/words';
import { Button, Elapsed, Link, Loading, Meter, Moment, Name, ProblemBox } from './basics';
import { useChanges, useGalley, useTrans } from './context';
import { Badge } from './glyph';

export const RUN_STATES: RunState[] = [
  'running',
  'queued',
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
  'skipped'
];

export function StateFilter(props: {
  value: string;
  onChange: (state: string) => void;
}): JSX.Element {
  const trans = useTrans();
  return (
    <label className="jp-Galley-filter">
      <span>{trans.__('State')}</span>
      <select value={props.value} onChange={event => props.onChange(event.target.value)}>
        <option value="">{trans.__('Any')}</option>
        {RUN_STATES.map(state => (
          <option key={state} value={state}>
            {runStateWord(trans, state).text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function KindFilter(props: {
  value: string;
  onChange: (kind: string) => void;
}): JSX.Element {
  const trans = useTrans();
  return (
    <label className="jp-Galley-filter">
      <span>{trans.__('Kind')}</span>
      <select value={props.value} onChange={event => props.onChange(event.target.value)}>
        <option value="pipeline">{trans.__('Pipeline runs')}</option>
        <option value="rehearsal">{trans.__('Rehearsals')}</option>
        <option value="">{trans.__('Both')}</option>
      </select>
    </label>
  );
}

export function RunTable(props: {
  list: PagedList<Run>;
  withPipeline?: boolean;
  withTenant?: boolean;
  empty: React.ReactNode;
}): JSX.Element {
  const trans = useTrans();
  useChanges(props.list);
  const { list } = props;
  if (!list.value) {
    return list.problem ? (
      <ProblemBox problem={list.problem} retry={() => void list.refresh()} />
    ) : (
      <Loading lines={5} />
    );
  }
  if (list.items.length === 0) {
    return <>{props.empty}</>;
  }
  return (
    <>
      <ProblemBox problem={list.problem} retry={() => void list.refresh()} />
      <table className="jp-Galley-table jp-mod-rows">
        <thead>
          <tr>
            <th>{trans.__('State')}</th>
            {props.withPipeline && <th>{trans.__('Pipeline')}</th>}
            {props.withTenant && <th>{trans.__('Tenant')}</th>}
            <th>{trans.__('For')}</th>
            <th>{trans.__('Version')}</th>
            <th>{trans.__('Trigger')}</th>
            <th className="jp-mod-number">{trans.__('Duration')}</th>
          </tr>
        </thead>
        <tbody>
          {list.items.map(run => (
            <Row
              key={run.id}
              run={run}
              withPipeline={props.withPipeline ?? false}
              withTenant={props.withTenant ?? false}
            />
          ))}
        </tbody>
      </table>
      {list.hasMore && (
        <div className="jp-Galley-more">
          <Button label={trans.__('Show older runs')} onClick={() => void list.more()} />
        </div>
      )}
    </>
  );
}

const Row = React.memo(
  (props: { run: Run; withPipeline: boolean; withTenant: boolean }): JSX.Element => {
    const galley = useGalley();
    const { trans } = galley;
    const { run } = props;
    return (
      <tr onClick={() => galley.go({ kind: 'run', id: run.id })}>
        <td data-label={trans.__('State')}>
          <Link to={{ kind: 'run', id: run.id }}>
            <Badge word={runWord(trans, run)} plain />
          </Link>
        </td>
        {props.withPipeline && (
          <td data-label={trans.__('Pipeline')}>
            <Name text={run.pipeline_name} most={36} />
          </td>
        )}
        {props.withTenant && (
          <td data-label={trans.__('Tenant')} className="jp-Galley-muted jp-mod-minor">
            {run.tenant}
          </td>
        )}
        <td data-label={trans.__('For')}>
          <Moment at={run.logical_date} />
        </td>
        <td data-label={trans.__('Version')} className="jp-mod-minor">
          v{run.version}
        </td>
        <td data-label={trans.__('Trigger')} className="jp-Galley-muted jp-mod-minor">
          {triggerText(trans, run)}
        </td>
        <td data-label={trans.__('Duration')} className="jp-mod-number">
          {run.state === 'running' && run.cells ? (
            <Meter
              done={run.cell}
              total={run.cells}
              label={trans.__('cell %1 of %2', Math.min((run.cell ?? 0) + 1, run.cells), run.cells)}
            />
          ) : (
            <Elapsed
              start={run.started_at}
              end={run.ended_at ?? (ended(run.state) ? run.created_at : null)}
            />
          )}
        </td>
      </tr>
    );
  }
);
