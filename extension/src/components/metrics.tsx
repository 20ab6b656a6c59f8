/** Metrics and parameters of a run as two plain tables. */
import * as React from 'react';
import { launchIcon } from '@jupyterlab/ui-components';
import type { Goal, Run } from '../api/types';
import { straight } from '../format/names';
import { figure } from '../format/quantity';
import { Empty } from './basics';
import { useTrans } from './context';
import { Badge } from './glyph';

export function Metrics(props: { run: Run; goal: Goal | null | undefined }): JSX.Element {
  const trans = useTrans();
  const metrics = Object.entries(props.run.metrics);
  return (
    <div className="jp-Galley-metrics">
      {props.run.mlflow_url && (
        <a
          className="jp-Galley-link"
          href={props.run.mlflow_url}
          target="_blank"
          rel="noopener noreferrer"
        >
          <launchIcon.react tag="span" elementSize="normal" />
          {trans.__('Open this run in MLflow')}
        </a>
      )}
      {metrics.length === 0 ? (
        <Empty title={trans.__('No metrics yet.')}>
          {trans.__('mlflow.log_metric("name", value) in the notebook lands here, without set-up.')}
        </Empty>
      ) : (
        <table className="jp-Galley-table">
          <thead>
            <tr>
              <th>{trans.__('Metric')}</th>
              <th className="jp-mod-number">{trans.__('Value')}</th>
              <th>{trans.__('Goal')}</th>
            </tr>
          </thead>
          <tbody>
            {metrics.map(([name, value]) => (
              <tr key={name}>
                <td>{name}</td>
                <td className="jp-mod-number">{figure(value)}</td>
                <td>
                  {props.goal?.metric === name && <GoalVerdict run={props.run} goal={props.goal} />}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function GoalVerdict({ run, goal }: { run: Run; goal: Goal }): JSX.Element {
  const trans = useTrans();
  const asked = goalText(trans, goal);
  if (run.goal_met === null || run.goal_met === undefined) {
    return <span className="jp-Galley-muted">{asked}</span>;
  }
  return (
    <span className="jp-Galley-row">
      <Badge
        word={
          run.goal_met
            ? { text: trans.__('Met'), tone: 'good', glyph: 'check' }
            : { text: trans.__('Missed'), tone: 'bad', glyph: 'cross' }
        }
      />
      <span className="jp-Galley-muted">{asked}</span>
    </span>
  );
}

/** "auc at least 0.9", "mae as low as possible". */
export function goalText(trans: ReturnType<typeof useTrans>, goal: Goal): string {
  const limited = goal.threshold !== null && goal.threshold !== undefined;
  if (goal.direction === 'lower') {
    return limited
      ? trans.__('%1 at most %2', goal.metric, figure(goal.threshold!))
      : trans.__('%1 as low as possible', goal.metric);
  }
  return limited
    ? trans.__('%1 at least %2', goal.metric, figure(goal.threshold!))
    : trans.__('%1 as high as possible', goal.metric);
}

export function Values({ values }: { values: Record<string, unknown> }): JSX.Element {
  const trans = useTrans();
  const entries = Object.entries(values);
  if (entries.length === 0) {
    return <Empty title={trans.__('This notebook declares no parameters.')} />;
  }
  return (
    <table className="jp-Galley-table">
      <thead>
        <tr>
          <th>{trans.__('Parameter')}</th>
          <th>{trans.__('Value')}</th>
        </tr>
      </thead>
      <tbody>
        {entries.map(([name, value]) => (
          <tr key={name}>
            <td>{name}</td>
            <td>
              <code>{straight(JSON.stringify(value))}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
