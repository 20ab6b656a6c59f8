/** Runs drawn: the last thirty as a strip, as dots, and their goal's metric as a line. */
import * as React from 'react';
import type { Run } from '../api/types';
import { figure } from '../format/quantity';
import { duration, elapsed, everyZone } from '../format/time';
import { runWord } from '../model/words';
import { Empty, Link } from './basics';
import { useGalley, useTrans } from './context';
import { Dot, Glyph } from './glyph';

/** The latest runs as state icons, oldest on the left. */
export function RunDots({ runs }: { runs: readonly Run[] }): JSX.Element {
  const trans = useTrans();
  return runs.length === 0 ? (
    <span className="jp-Galley-muted">{trans.__('none yet')}</span>
  ) : (
    <span className="jp-Galley-dots">
      {[...runs].reverse().map(run => (
        <Link
          key={run.id}
          to={{ kind: 'run', id: run.id }}
          title={`${runWord(trans, run).text}\n${everyZone(new Date(run.logical_date))}`}
        >
          <Dot word={runWord(trans, run)} />
        </Link>
      ))}
    </span>
  );
}

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
              <Glyph name={word.glyph} spin={word.tone === 'busy'} />
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
  const galley = useGalley();
  const { trans } = galley;
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
  const all =
    props.threshold === null || props.threshold === undefined
      ? values
      : [...values, props.threshold];
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
          <line
            className="jp-Galley-threshold"
            x1="0"
            x2={width}
            y1={y(props.threshold)}
            y2={y(props.threshold)}
          />
        )}
        <polyline points={values.map((value, index) => `${x(index)},${y(value)}`).join(' ')} />
        {points.map((run, index) => (
          <circle
            key={run.id}
            className={run.goal_met === false ? 'jp-mod-bad' : 'jp-mod-good'}
            cx={x(index)}
            cy={y(values[index])}
            r="4"
            onClick={() => galley.go({ kind: 'run', id: run.id })}
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
