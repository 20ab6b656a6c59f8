/** The right half of the run page: notebook, log, metrics and parameters of a task. */
import * as React from 'react';
import type { Attempt, Run, TaskTry } from '../api/types';
import { bytes } from '../format/quantity';
import { LogModel } from '../model/log';
import type { RunTab } from '../model/place';
import { ended, taskWord } from '../model/words';
import { Elapsed, Empty, Link, Name } from './basics';
import { useGalley, useModel, useNow } from './context';
import { Badge } from './glyph';
import { cellProgress } from './graph';
import { KeptFiles } from './kept-files';
import { LogView } from './log-view';
import { Metrics, Values } from './metrics';
import { NotebookFrame } from './notebook-frame';
import { Tabs } from './tabs';
import { Resources } from './usage-view';

/** Hosts send notebooks every 2 s, after they have told of the cells in them; milliseconds. */
const SENDING = 6_000;

export interface IDetailProps {
  run: Run;
  attempt: Attempt | undefined;
  task: TaskTry | undefined;
}

export function RunDetail(
  props: IDetailProps & {
    /** By default the notebook, or the log while it runs. */
    tab?: RunTab;
    onTab?: (tab: RunTab) => void;
  }
): JSX.Element {
  const { trans } = useGalley();
  const { run, attempt, task } = props;
  const [tab, setTab] = React.useState<RunTab>(
    props.tab ?? (ended(run.state) ? 'notebook' : 'log')
  );
  return (
    <div className="jp-Galley-detail">
      {task && (run.graph ?? []).length > 1 && <TaskHead task={task} />}
      {task?.kernel && <KernelNote kernel={task.kernel} />}
      <Tabs<RunTab>
        label={trans.__('Details')}
        current={tab}
        onSelect={key => {
          setTab(key);
          props.onTab?.(key);
        }}
        tabs={[
          { key: 'notebook', label: trans.__('Notebook') },
          { key: 'log', label: trans.__('Log') },
          { key: 'resources', label: trans.__('Resources') },
          { key: 'metrics', label: trans.__('Metrics'), count: Object.keys(run.metrics).length },
          { key: 'parameters', label: trans.__('Parameters') }
        ]}
      >
        {tab === 'notebook' && <TaskNotebook run={run} attempt={attempt} task={task} />}
        {tab === 'log' &&
          (attempt ? <AttemptLog run={run} attempt={attempt} /> : <NoAttempt run={run} />)}
        {tab === 'resources' &&
          (attempt ? (
            <Resources run={run} attempt={attempt} task={task} />
          ) : (
            <NoAttempt run={run} />
          ))}
        {tab === 'metrics' && <RunMetrics run={run} />}
        {tab === 'parameters' && <Values values={run.parameters} />}
      </Tabs>
    </div>
  );
}

function NoAttempt({ run }: { run: Run }): JSX.Element {
  const { trans } = useGalley();
  return (
    <Empty
      title={ended(run.state) ? trans.__('It was never started.') : trans.__('No attempt yet.')}
    >
      {ended(run.state)
        ? run.state_reason
        : trans.__('The log begins when a worker host takes the run.')}
    </Empty>
  );
}

/** Which of several tasks the tabs below speak of. */
function TaskHead({ task }: { task: TaskTry }): JSX.Element {
  const { trans } = useGalley();
  return (
    <div className="jp-Galley-row jp-Galley-taskHead">
      <strong>
        <Name text={task.name} most={48} />
      </strong>
      <Badge word={taskWord(trans, task.state)} />
      <span className="jp-Galley-muted">
        {cellProgress(trans, task, [])}
        {task.cells && task.started_at ? ' · ' : ''}
        {task.started_at && <Elapsed start={task.started_at} end={task.ended_at} />}
        {task.peak_memory ? ` · ${bytes(task.peak_memory)}` : ''}
        {task.reused_from
          ? ` · ${trans.__('unchanged, so taken from attempt %1', task.reused_from)}`
          : ''}
        {task.reused_run && (
          <>
            {' · '}
            {trans.__('unchanged, so taken from')}{' '}
            <Link to={{ kind: 'run', id: task.reused_run }}>{trans.__('an earlier run')}</Link>
          </>
        )}
      </span>
    </div>
  );
}

/** Where a kernel was not what it could have been: what it was, and why. */
function KernelNote({ kernel }: { kernel: string }): JSX.Element | null {
  const { trans } = useGalley();
  const why = /[:,]/.test(kernel);
  return why ? <p className="jp-Galley-muted">{trans.__('Kernel %1', kernel)}</p> : null;
}

function RunMetrics({ run }: { run: Run }): JSX.Element {
  const { client } = useGalley();
  const [goal, setGoal] = React.useState<Awaited<ReturnType<typeof client.version>>['goal']>(null);
  React.useEffect(() => {
    let wanted = true;
    client.version(run.version_id).then(
      version => wanted && setGoal(version.goal),
      () => undefined
    );
    return () => {
      wanted = false;
    };
  }, [client, run.version_id]);
  return <Metrics run={run} goal={goal} />;
}

function AttemptLog({ run, attempt }: { run: Run; attempt: Attempt }): JSX.Element {
  const { client, events } = useGalley();
  const log = useModel(() => {
    const model = new LogModel(
      (offset, limit) => client.log(run.id, attempt.number, offset, limit),
      run.id,
      events
    );
    void model.pull();
    return model;
  }, `${run.id}/${attempt.number}`);
  const over = ended(run.state);
  React.useEffect(() => {
    if (over) {
      void log.pull();
    }
  }, [over, log]);
  return (
    <LogView
      log={log}
      downloadUrl={client.logUrl(run.id, attempt.number)}
      fileName={`${run.pipeline}-${run.id}-${attempt.number}.log`}
    />
  );
}

function TaskNotebook({ run, attempt, task }: IDetailProps): JSX.Element {
  const { client, trans } = useGalley();
  const anchor = useFailedCell(run, attempt, task);
  const now = useNow(5);
  if (task?.state === 'skipped') {
    return (
      <Empty title={trans.__('This task was skipped.')}>{skipReason(trans, attempt, task)}</Empty>
    );
  }
  if (!attempt || !task?.notebook) {
    return <NoNotebook run={run} attempt={attempt} task={task} />;
  }
  return (
    <>
      <KeptFiles run={run} attempt={attempt} />
      <NotebookFrame
        url={client.taskNotebookUrl(run.id, task.name, attempt.number, 'html')}
        downloadUrl={client.taskNotebookUrl(run.id, task.name, attempt.number, 'ipynb')}
        fileName={`${task.name}-${run.id}.ipynb`}
        title={trans.__('%1, executed', task.name)}
        anchor={anchor}
        revision={revisionOf(attempt, task, now)}
      />
    </>
  );
}

/** Changes when there may be more of a task's notebook; empty when all of it is there. */
function revisionOf(attempt: Attempt, task: TaskTry, now: Date): string {
  if (attempt.ended_at) {
    return '';
  }
  const sent = Boolean(task.ended_at) && now.getTime() - Date.parse(task.ended_at!) > SENDING;
  return `${task.state}/${task.cell ?? 0}/${sent}`;
}

/** Why there is no executed notebook, and the files that are kept all the same. */
function NoNotebook({ run, attempt, task }: IDetailProps): JSX.Element {
  const { trans } = useGalley();
  const over = ended(run.state) || Boolean(attempt?.ended_at);
  if (!over) {
    return (
      <Empty title={trans.__('No executed notebook yet.')}>
        {trans.__('It appears while the cells run.')}
      </Empty>
    );
  }
  if (!attempt || !began(attempt, task)) {
    return (
      <Empty title={trans.__('No executed notebook.')}>
        {trans.__('It ended before its first cell did; the log says more.')}
      </Empty>
    );
  }
  return (
    <>
      <KeptFiles run={run} attempt={attempt} />
      <Empty title={trans.__('The executed notebook is not kept.')}>
        {run.files_removed_at
          ? trans.__('It was removed with the logs of the run.')
          : trans.__('Its cells were executed; the log says why nothing of it is kept.')}
      </Empty>
    </>
  );
}

/** Whether a cell of a task ended, well or not. */
function began(attempt: Attempt, task: TaskTry | undefined): boolean {
  const error = task?.error ?? attempt.error;
  const own = error && (error.task ?? task?.name) === task?.name;
  const failed = own && error.cell !== null && error.cell !== undefined;
  return Boolean(task && (task.cell || task.state === 'succeeded' || failed));
}

/** Why a task was skipped: the nearest tasks before it that did not succeed. */
export function skipReason(
  trans: ReturnType<typeof useGalley>['trans'],
  attempt: Attempt | undefined,
  task: TaskTry
): string {
  const tasks = new Map((attempt?.tasks ?? []).map(one => [one.name, one]));
  const culprits = new Set<string>();
  const seen = new Set<string>();
  const look = (name: string): void => {
    const one = tasks.get(name);
    if (!one || seen.has(name)) {
      return;
    }
    seen.add(name);
    if (one.state === 'skipped') {
      one.upstream.forEach(look);
    } else if (one.state !== 'succeeded') {
      culprits.add(name);
    }
  };
  task.upstream.forEach(look);
  const names = [...culprits].map(name => `“${name}”`).join(trans.__(' and '));
  return names
    ? trans.__('It waits for the task %1, which did not succeed.', names)
    : trans.__('A task before it did not succeed.');
}

/** The anchor of the failed cell in the rendered notebook; null where none failed. */
function useFailedCell(
  run: Run,
  attempt: Attempt | undefined,
  task: TaskTry | undefined
): string | null {
  const { client } = useGalley();
  const [anchor, setAnchor] = React.useState<string | null>(null);
  const error = task?.error ?? attempt?.error;
  // The attempt's error belongs to one task: another's notebook has no such cell.
  const cell = error && (error.task ?? task?.name) === task?.name ? error.cell : null;
  const [name, number, kept] = [task?.name, attempt?.number, task?.notebook];
  React.useEffect(() => {
    let wanted = true;
    setAnchor(null);
    if (cell !== null && cell !== undefined && name && number && kept) {
      client.taskNotebook(run.id, name, number).then(
        notebook => {
          // Executing may add cells: the rendered page numbers those of the executed notebook.
          const index = notebook.cells.findIndex(one => one.metadata?.galley?.cell === cell);
          if (wanted && index >= 0) {
            setAnchor(`cell-id=cell-${index}`);
          }
        },
        () => undefined
      );
    }
    return () => {
      wanted = false;
    };
  }, [client, run.id, cell, name, number, kept]);
  return anchor;
}
