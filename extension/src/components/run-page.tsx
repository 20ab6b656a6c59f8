/** The run page: what a run does or did, task by task. */
import * as React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Attempt, GalleyEvent, Run, RunState, TaskTry } from '../api/types';
import { bytes } from '../format/quantity';
import { attemptWord, ended, kindName, runWord, triggerText } from '../model/words';
import type { IRunPart } from '../model/place';
import { moved, told } from '../model/told';
import { Resource } from '../model/resource';
import {
  Copyable,
  Elapsed,
  Facts,
  Link,
  Loading,
  Meter,
  Moment,
  Name,
  Nothing,
  ProblemBox,
  Time
} from './basics';
import { useGalley, useModel } from './context';
import { Badge, Glyph } from './glyph';
import { TaskGraph } from './graph';
import { RunCause } from './run-cause';
import { RunActions } from './run-actions';
import { RunDetail } from './run-detail';
import { RunFailure } from './run-failure';

/** How often a queued run is looked at again for what else happens in its tenant, milliseconds. */
const WAITING_EVERY = 5000;
/** How often a run is loaded anew while its cells go by, milliseconds: their count comes by itself. */
const CELLS_EVERY = 5000;

/** States whose reason is told above all else. */
const EXPLAINED: RunState[] = ['queued', 'cancelled', 'skipped'];

/** “Queued: it waits …”, but “Cancelled by alex” once. */
function sentence(word: string, reason: string): string {
  return reason.toLowerCase().startsWith(word.toLowerCase())
    ? `${word}${reason.slice(word.length)}.`
    : `${word}: ${reason}.`;
}

/** Whether an event is of the run, or may change what it waits for: seldom, such events are many. */
function concerns(event: GalleyEvent, id: string, run: Run | null): boolean | number {
  if (event.subject === id) {
    if (event.kind === 'run.progress') {
      return moved(run, event) || CELLS_EVERY;
    }
    // Log and points of use have readers of their own.
    return !event.kind.endsWith('.grew');
  }
  const frees = event.kind === 'run.changed' || event.kind === 'hosts.changed';
  return run?.state === 'queued' && run.tenant === event.tenant && frees && WAITING_EVERY;
}

export function RunPage(props: {
  id: string;
  /** What of it is looked at first. */
  part?: IRunPart;
  onPart?: (part: IRunPart) => void;
}): JSX.Element {
  const { id } = props;
  const { client, events, trans } = useGalley();
  const resource = useModel(() => {
    const run: Resource<Run> = new Resource(() => client.run(id)).follow(
      events,
      event => concerns(event, id, run.value),
      undefined,
      told
    );
    void run.refresh();
    return run;
  }, id);
  const run = resource.value;
  if (!run) {
    return (
      <div className="jp-Galley-page">
        {resource.problem ? (
          <Nothing
            problem={resource.problem}
            absent={trans.__('There is no run “%1” that you may see.', id)}
            retry={() => void resource.refresh()}
          >
            <Link to={{ kind: 'runs' }}>{trans.__('All runs')}</Link>
          </Nothing>
        ) : (
          <Loading lines={5} />
        )}
      </div>
    );
  }
  return (
    <div
      className="jp-Galley-page jp-mod-run"
      aria-label={trans.__('Run of %1', run.pipeline_name)}
    >
      <ProblemBox problem={resource.problem} retry={() => void resource.refresh()} />
      <Body
        key={run.id}
        run={run}
        first={props.part}
        onPart={props.onPart}
        onChanged={changed => resource.set(changed)}
      />
    </div>
  );
}

function Body(props: {
  run: Run;
  first?: IRunPart;
  onPart?: (part: IRunPart) => void;
  onChanged: (run: Run) => void;
}): JSX.Element {
  const { trans } = useGalley();
  const { run } = props;
  const attempts = run.attempts ?? [];
  const [part, setPart] = React.useState<IRunPart>(props.first ?? {});
  const choose = (chosen: IRunPart): void => {
    setPart({ ...part, ...chosen });
    props.onPart?.({ ...part, ...chosen });
  };
  const attempt =
    attempts.find(one => one.number === part.attempt) ?? attempts[attempts.length - 1];
  const tasks = attempt?.tasks ?? [];
  const pick = (name: string): void => choose({ task: name });
  const task = tasks.find(one => one.name === part.task) ?? interesting(tasks);
  // One task fits beside its details; several need the page's width.
  const wide = (run.graph ?? []).length > 1;
  const graph = (
    <TaskGraph
      graph={run.graph ?? []}
      tasks={tasks}
      selected={task?.name ?? null}
      onSelect={pick}
    />
  );
  return (
    <>
      <Head
        run={run}
        attempt={attempt}
        onAttempt={number => choose({ attempt: number })}
        onChanged={props.onChanged}
      />
      {EXPLAINED.includes(run.state) && run.state_reason && (
        <p className="jp-Galley-notice">
          <Glyph name={runWord(trans, run).glyph} />
          <span>{sentence(runWord(trans, run).text, run.state_reason)}</span>
        </p>
      )}
      {run.files_removed_at && (
        <p className="jp-Galley-notice">
          <Glyph name="info" />
          <span>
            {trans.__('Its logs and notebooks are not kept any more; removed')}{' '}
            <Time at={run.files_removed_at} />.
          </span>
        </p>
      )}
      <RunFailure run={run} attempt={attempt} task={task} onTask={wide ? pick : undefined} />
      {wide && graph}
      <div className="jp-Galley-columns jp-mod-run">
        <div className="jp-Galley-side">
          {!wide && graph}
          <Facts
            facts={[
              [trans.__('Data from'), <Moment key="i" at={run.data_interval_start} />],
              [trans.__('Data to'), <Moment key="t" at={run.data_interval_end} />],
              [trans.__('Asked for'), <Time key="q" at={run.created_at} />],
              [trans.__('Started'), run.started_at && <Time key="s" at={run.started_at} />],
              [trans.__('Ended'), run.ended_at && <Time key="e" at={run.ended_at} />],
              [trans.__('Profile'), attempt?.profile],
              [trans.__('Host'), attempt?.host && <Name text={attempt.host} most={28} />],
              [trans.__('Peak memory'), peak(tasks)]
            ]}
          />
        </div>
        <RunDetail
          run={run}
          attempt={attempt}
          task={task}
          tab={part.tab}
          onTab={tab => choose({ tab })}
        />
      </div>
    </>
  );
}

function Head(props: {
  run: Run;
  attempt: Attempt | undefined;
  onAttempt: (number: number) => void;
  onChanged: (run: Run) => void;
}): JSX.Element {
  const { trans } = useGalley();
  const { run } = props;
  const attempts = run.attempts ?? [];
  return (
    <header className="jp-Galley-head">
      <div className="jp-Galley-crumbs">
        <Link to={{ kind: 'pipeline', tenant: run.tenant, slug: run.pipeline }}>
          <Name text={run.pipeline_name} most={48} />
        </Link>
        <span aria-hidden="true">›</span>
        <span>{kindName(trans, run.kind)}</span>
      </div>
      <div className="jp-Galley-titleRow">
        <h2>
          <Badge word={runWord(trans, run)} />
          <Sentence run={run} />
        </h2>
        <RunActions run={run} onChanged={props.onChanged} />
      </div>
      <div className="jp-Galley-row jp-Galley-muted">
        <Link to={{ kind: 'review', id: run.version_id }}>
          {trans.__('version %1', run.version)}
        </Link>
        <span>·</span>
        <span>
          {trans.__('for')} <Moment at={run.logical_date} />
        </span>
        {run.deadline && (
          <>
            <span>·</span>
            <span>
              {trans.__('to end by')} <Moment at={run.deadline} />
            </span>
          </>
        )}
        <span>·</span>
        <span>{triggerText(trans, run)}</span>
        {run.incremental && (
          <>
            <span>·</span>
            <span title={trans.__('Tasks that have not changed are taken over from earlier runs')}>
              {trans.__('incremental')}
            </span>
          </>
        )}
        <RunCause detail={run.cause?.detail} />
        {Object.keys(run.parameters).length > 0 && (
          <>
            <span>·</span>
            <ParameterLine values={run.parameters} />
          </>
        )}
        {attempts.length > 1 && (
          <>
            <span>·</span>
            <label>
              {trans.__('Attempt')}{' '}
              <select
                value={props.attempt?.number}
                onChange={event => props.onAttempt(Number(event.target.value))}
              >
                {attempts.map(one => (
                  <option key={one.id} value={one.number}>
                    {trans.__(
                      '%1 of %2 – %3',
                      one.number,
                      attempts.length,
                      attemptWord(trans, one.state)
                    )}
                  </option>
                ))}
              </select>
            </label>
          </>
        )}
      </div>
      <div className="jp-Galley-row jp-Galley-muted">
        <span>{trans.__('Correlation id')}</span>
        <Copyable text={run.id} />
      </div>
      {!ended(run.state) && (
        <Meter
          done={run.cell}
          total={run.cells}
          label={standing(trans, run) ?? trans.__('Waiting to start')}
        />
      )}
    </header>
  );
}

/** How far a run is that goes on; null: it has not begun. */
function standing(trans: TranslationBundle, run: Run): string | null {
  if (run.cells) {
    return trans.__('cell %1 of %2', Math.min((run.cell ?? 0) + 1, run.cells), run.cells);
  }
  return run.started_at ? trans.__('preparing its environment') : null;
}

/** All parameters on one line; the whole on hover, and in a tab below. */
function ParameterLine({ values }: { values: Record<string, unknown> }): JSX.Element {
  const text = Object.entries(values)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join(', ');
  return (
    <code>
      <Name text={text} most={72} />
    </code>
  );
}

function Sentence({ run }: { run: Run }): JSX.Element {
  const { trans } = useGalley();
  if (ended(run.state)) {
    return (
      <span className="jp-Galley-sentence">
        {run.started_at && run.ended_at && (
          <>
            {trans.__('after')} <Elapsed start={run.started_at} end={run.ended_at} />,{' '}
          </>
        )}
        {run.ended_at && <Time at={run.ended_at} />}
      </span>
    );
  }
  const cells = standing(trans, run);
  return (
    <span className="jp-Galley-sentence">
      {cells}
      {cells && run.started_at && ' · '}
      {run.started_at ? (
        <Elapsed start={run.started_at} />
      ) : (
        <>
          {trans.__('asked for')} <Time at={run.created_at} />
        </>
      )}
    </span>
  );
}

/** The task that one wants to see first: what failed, else what runs, else the last. */
function interesting(tasks: readonly TaskTry[]): TaskTry | undefined {
  return (
    tasks.find(task => task.state === 'failed') ??
    tasks.find(task => task.state === 'running') ??
    tasks[tasks.length - 1]
  );
}

function peak(tasks: readonly TaskTry[]): string | null {
  const sizes = tasks.flatMap(task => task.peak_memory ?? []);
  return sizes.length ? bytes(Math.max(...sizes)) : null;
}
