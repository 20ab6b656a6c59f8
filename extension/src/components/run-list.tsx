/** Runs in a table, and the filters above it. */
import * as React from 'react';
import type { Pipeline, Run } from '../api/types';
import { middle } from '../format/names';
import type { PagedList } from '../model/list';
import { RUN_STATES } from '../model/place';
import { ended, runStateWord, runWord, triggerText } from '../model/words';
import { Button, Elapsed, Link, Loading, Meter, Moment, Name, ProblemBox } from './basics';
import { useChanges, useGalley, useTrans } from './context';
import { Badge } from './glyph';
import { More } from './more';

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
        <option value="trial">{trans.__('Trials')}</option>
        <option value="all">{trans.__('All')}</option>
      </select>
    </label>
  );
}

/** Chooses a pipeline; one that is chosen and not among `pipelines` stays chosen. */
export function PipelineFilter(props: {
  value: string;
  pipelines: readonly Pipeline[];
  withTenant: boolean;
  onChange: (pipeline: string) => void;
}): JSX.Element {
  const trans = useTrans();
  const options = props.pipelines
    .map(({ tenant, slug, name }) => ({
      value: `${tenant}/${slug}`,
      text: middle(props.withTenant ? `${name} (${tenant})` : name, 48)
    }))
    .sort((a, b) => a.text.localeCompare(b.text));
  const known = !props.value || options.some(one => one.value === props.value);
  return (
    <label className="jp-Galley-filter">
      <span>{trans.__('Pipeline')}</span>
      <select value={props.value} onChange={event => props.onChange(event.target.value)}>
        <option value="">{trans.__('Any')}</option>
        {!known && <option value={props.value}>{props.value}</option>}
        {options.map(one => (
          <option key={one.value} value={one.value}>
            {one.text}
          </option>
        ))}
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
  const [picked, setPicked] = React.useState<readonly string[]>([]);
  const pick = React.useCallback(
    (id: string, on: boolean) =>
      setPicked(before => [...before.filter(one => one !== id), ...(on ? [id] : [])].slice(-2)),
    []
  );
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
      {picked.length > 0 && <Picked picked={picked} onClear={() => setPicked([])} />}
      <table className="jp-Galley-table jp-mod-rows">
        <thead>
          <tr>
            <th className="jp-mod-minor">
              <span className="jp-Galley-hidden">{trans.__('Select')}</span>
            </th>
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
              picked={picked.includes(run.id)}
              onPick={pick}
            />
          ))}
        </tbody>
      </table>
      <More list={list} label={trans.__('Show older runs')} />
    </>
  );
}

/** What can be done with the selected runs. Ids grow with time: the older one goes left. */
function Picked(props: { picked: readonly string[]; onClear: () => void }): JSX.Element {
  const galley = useGalley();
  const { trans } = galley;
  const [left, right] = [...props.picked].sort();
  return (
    <div className="jp-Galley-row" role="status">
      <span>{trans.__('%1 of 2 runs selected', props.picked.length)}</span>
      <Button
        kind="accept"
        label={trans.__('Compare')}
        reason={right ? null : trans.__('Select one more run.')}
        onClick={() => galley.go({ kind: 'compare', left, right })}
      />
      <Button kind="quiet" label={trans.__('Clear')} onClick={props.onClear} />
    </div>
  );
}

const Row = React.memo(
  (props: {
    run: Run;
    withPipeline: boolean;
    withTenant: boolean;
    picked: boolean;
    onPick: (id: string, on: boolean) => void;
  }): JSX.Element => {
    const galley = useGalley();
    const { trans } = galley;
    const { run } = props;
    return (
      <tr onClick={() => galley.go({ kind: 'run', id: run.id })}>
        <td className="jp-Galley-pick jp-mod-minor" onClick={event => event.stopPropagation()}>
          <input
            type="checkbox"
            checked={props.picked}
            aria-label={trans.__('Select the run for comparing')}
            title={trans.__('Select two runs to compare them')}
            onChange={event => props.onPick(run.id, event.target.checked)}
          />
        </td>
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
