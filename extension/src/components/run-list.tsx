/** Runs in lists: the table, the strip of the last thirty, and the filters above them. */
import * as React from 'react';
import type { Run, RunState } from '../api/types';
import { duration, elapsed, everyZone } from '../format/time';
import { figure } from '../format/quantity';
import type { PagedList } from '../model/list';
import { ended, runStateWord, runWord } from '../model/words';
import { Button, Elapsed, Empty, Link, Loading, Meter, Name, ProblemBox, Time } from './basics';
import { useChanges, useGalley, useTrans } from './context';
import { Badge } from './glyph';
import { triggerText } from './run-page';

export const RUN_STATES: RunState[] = [
  'running',
  'queued',
  'succeeded',
  'failed',
  'cancelled',
  'timed_out'
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

export function RunTable(props: {
  list: PagedList<Run>;
  withPipeline?: boolean;
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
            <th>{trans.__('For')}</th>
            <th>{trans.__('Version')}</th>
            <th>{trans.__('Trigger')}</th>
            <th className="jp-mod-number">{trans.__('Duration')}</th>
          </tr>
        </thead>
        <tbody>
          {list.items.map(run => (
            <Row key={run.id} run={run} withPipeline={props.withPipeline ?? false} />
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

const Row = React.memo(function Row(props: { run: Run; withPipeline: boolean }): JSX.Element {
  const { go, trans } = useGalley();
  const { run } = props;
  return (
    <tr onClick={() => go({ kind: 'run', id: run.id })}>
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
      <td data-label={trans.__('For')}>
        <Time at={run.logical_date} />
      </td>
      <td data-label={trans.__('Version')}>v{run.version}</td>
      <td data-label={trans.__('Trigger')} className="jp-Galley-muted">
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
          <Elapsed start={run.started_at} end={run.ended_at ?? (ended(run.state) ? run.created_at : null)} />
        )}
      </td>
    </tr>
  );
});

/** The last runs as bars, oldest on the left; the height is the duration. */
export function RunStrip({ runs }: { runs: readonly Run[] }): JSX.Element {
  const { trans } = useGalley();
  const shown = runs.slice(0, 30).reverse();
  const now = new Date();
  const seconds = shown.map(run => elapsed(run.started_at, run.ended_at, now) ?? 0);
  const longest = Math.max(1, ...seconds);
  if (shown.length === 0) {
    return <Empty title={trans.__('It has not run yet.')} />;
  }
  return (
    <div className="jp-Galley-strip" role="list" aria-label={trans.__('Last runs')}>
      {shown.map((run, index) => {
        const word = runWord(trans, run);
        const title = [
          `${word.text} · ${duration(trans, seconds[index])}`,
          everyZone(new Date(run.logical_date))
        ].join('\n');
        return (
          <div key={run.id} role="listitem">
            <Link to={{ kind: 'run', id: run.id }} className={`jp-mod-${word.tone}`} title={title}>
              <span
                className="jp-Galley-stripBar"
                style={{ height: `${18 + (seconds[index] / longest) * 42}px` }}
              />
              <span className="jp-Galley-hidden">{word.text}</span>
            </Link>
          </div>
        );
      })}
    </div>
  );
}

/** The goal's metric over the last runs, with its threshold. */
export function GoalTrend(props: {
  runs: readonly Run[];
  metric: string;
  threshold: number | null | undefined;
}): JSX.Element {
  const { trans, go } = useGalley();
  const points = props.runs
    .filter(run => props.metric in run.metrics && run.kind === 'pipeline')
    .slice(0, 30)
    .reverse();
  if (points.length === 0) {
    return (
      <Empty title={trans.__('No run has logged “%1” yet.', props.metric)}>
        {trans.__('mlflow.log_metric("%1", value) in the notebook does so.', props.metric)}
      </Empty>
    );
  }
  const values = points.map(run => run.metrics[props.metric]);
  const all = props.threshold === null || props.threshold === undefined ? values : [...values, props.threshold];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const pad = (high - low || Math.abs(high) || 1) * 0.12;
  const [width, height] = [420, 96];
  const x = (index: number): number =>
    points.length === 1 ? width / 2 : 10 + (index / (points.length - 1)) * (width - 20);
  const y = (value: number): number =>
    height - 8 - ((value - low + pad) / (high - low + 2 * pad)) * (height - 16);
  const last = values[values.length - 1];
  return (
    <figure className="jp-Galley-trend">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={trans.__('%1: %2 in the latest run', props.metric, figure(last))}
      >
        {props.threshold !== null && props.threshold !== undefined && (
          <line className="jp-Galley-threshold" x1="0" x2={width} y1={y(props.threshold)} y2={y(props.threshold)} />
        )}
        <polyline points={values.map((value, index) => `${x(index)},${y(value)}`).join(' ')} />
        {points.map((run, index) => (
          <circle
            key={run.id}
            className={run.goal_met === false ? 'jp-mod-bad' : 'jp-mod-good'}
            cx={x(index)}
            cy={y(values[index])}
            r="4"
            onClick={() => go({ kind: 'run', id: run.id })}
          >
            <title>{`${figure(values[index])}\n${everyZone(new Date(run.logical_date))}`}</title>
          </circle>
        ))}
      </svg>
      <figcaption className="jp-Galley-muted">
        {trans.__('%1 is %2 in the latest run', props.metric, figure(last))}
        {props.threshold !== null &&
          props.threshold !== undefined &&
          ` · ${trans.__('dashed: the goal, %1', figure(props.threshold))}`}
      </figcaption>
    </figure>
  );
}
