/** The Resources tab: what a task of an attempt used over time, and all of them side by side. */
import * as React from 'react';
import type { Attempt, AttemptUsage, Run, TaskTry } from '../api/types';
import { bytes } from '../format/quantity';
import { duration } from '../format/time';
import { cpuOf, memoryOf, UsageModel } from '../model/usage';
import { ended } from '../model/words';
import { Empty, Loading, Name, ProblemBox } from './basics';
import { useGalley, useModel, useTrans } from './context';
import { UsageChart } from './usage-chart';

export interface IUsageProps {
  run: Run;
  attempt: Attempt;
  task: TaskTry | undefined;
}

export function Resources({ run, attempt, task }: IUsageProps): JSX.Element {
  const { client, events, trans } = useGalley();
  const model = useModel(() => {
    const made = new UsageModel(
      after => client.resources(run.id, attempt.number, after),
      run.id,
      events
    );
    void made.pull();
    return made;
  }, `${run.id}/${attempt.number}`);
  if (!model.value) {
    return model.problem ? (
      <ProblemBox problem={model.problem} retry={() => void model.pull()} />
    ) : (
      <Loading lines={4} />
    );
  }
  const measured = model.value.tasks.filter(one => one.points.length > 0);
  const chosen = measured.find(one => one.task === task?.name);
  return (
    <div className="jp-Galley-resources">
      <ProblemBox problem={model.problem} retry={() => void model.pull()} />
      {chosen ? (
        <Charts usage={model.value} task={chosen.task} />
      ) : (
        <Empty
          title={
            ended(run.state) || task?.ended_at
              ? trans.__('This task was not measured.')
              : trans.__('Nothing measured yet.')
          }
        >
          {ended(run.state) || task?.ended_at
            ? trans.__('It did not run, or it ended within its first moments.')
            : trans.__('Memory and CPU appear a moment after its kernel has started.')}
        </Empty>
      )}
      {measured.length > 1 && <AllTasks usage={model.value} />}
    </div>
  );
}

function Charts({ usage, task }: { usage: AttemptUsage; task: string }): JSX.Element {
  const trans = useTrans();
  const points = usage.tasks.find(one => one.task === task)?.points ?? [];
  const cpu = cpuOf(points);
  return (
    <>
      <UsageChart
        title={trans.__('Memory')}
        samples={memoryOf(points)}
        limit={usage.memory}
        limitName={trans.__('limit')}
        text={bytes}
        tone="memory"
      />
      {cpu.length > 0 && (
        <UsageChart
          title={trans.__('CPU')}
          samples={cpu}
          limit={usage.cpu}
          limitName={trans.__('profile')}
          text={value => trans.__('%1 CPU', cores(value))}
          tone="cpu"
        />
      )}
    </>
  );
}

function AllTasks({ usage }: { usage: AttemptUsage }): JSX.Element {
  const trans = useTrans();
  return (
    <table className="jp-Galley-table">
      <thead>
        <tr>
          <th>{trans.__('Task')}</th>
          <th className="jp-mod-number">{trans.__('Most memory')}</th>
          <th className="jp-mod-number">{trans.__('CPU time')}</th>
          <th className="jp-mod-number">{trans.__('Most CPU')}</th>
        </tr>
      </thead>
      <tbody>
        {usage.tasks
          .filter(one => one.points.length > 0)
          .map(one => (
            <tr key={one.task}>
              <td>
                <Name text={one.task} most={48} />
              </td>
              <td className="jp-mod-number">
                {bytes(Math.max(...one.points.map(point => point.memory)))}
              </td>
              <td className="jp-mod-number">
                {duration(trans, Math.max(...one.points.map(point => point.cpu_s)))}
              </td>
              <td className="jp-mod-number">
                {cores(Math.max(0, ...cpuOf(one.points).map(sample => sample.value)))}
              </td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}

function cores(value: number): string {
  return value >= 10 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}
