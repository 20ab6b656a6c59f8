/** A failure: what happened, where, whose it was, and what to do. */
import * as React from 'react';
import type { CellError, FailureClass } from '../api/types';
import { capitalised, straight } from '../format/names';
import { failureName } from '../model/failures';
import { Message, Moment } from './basics';
import { useTrans } from './context';
import { Glyph } from './glyph';

export interface IFailureProps {
  error?: CellError | null;
  reason?: string | null;
  failure?: FailureClass | null;
  /** The deadline that it missed. */
  missed?: string | null;
  /** What was retried already. */
  retried?: string | null;
  advice: string;
  actions?: React.ReactNode;
  /** Show the task that failed. */
  onTask?: (task: string) => void;
}

export function FailureBox(props: IFailureProps): JSX.Element {
  const trans = useTrans();
  const [open, setOpen] = React.useState(false);
  const { error } = props;
  // Before any cell ran there was no error in the notebook, such as where a package is not to be had.
  const known = props.failure || (error?.cell ?? null) !== null;
  const { missed } = props;
  const name = missed
    ? trans.__('Deadline missed')
    : known
      ? failureName(trans, props.failure)
      : null;
  const { task, cell } = error ?? {};
  const where = [
    name,
    task && <TaskName name={task} onTask={props.onTask} />,
    cell !== null && cell !== undefined && trans.__('cell %1', cell + 1),
    props.retried
  ].filter(Boolean);
  const traceback = (error?.traceback ?? []).join('\n').replace(COLOURS, '');
  return (
    <div className="jp-Galley-failure" role="alert">
      <Glyph name="cross" />
      <div>
        <div className="jp-Galley-failureTitle">
          {missed ? (
            <>
              {trans.__('It had not ended by its deadline,')} <Moment at={missed} />
            </>
          ) : (
            <Message
              text={capitalised(
                error?.message ?? props.reason ?? trans.__('It failed without a message.')
              )}
            />
          )}
        </div>
        <div className="jp-Galley-muted">
          {where.map((part, at) => (
            <React.Fragment key={at}>
              {at > 0 && ' · '}
              {part}
            </React.Fragment>
          ))}
        </div>
        <p>{props.advice}</p>
        <div className="jp-Galley-row">
          {props.actions}
          {(traceback || error?.evalue) && (
            <button
              type="button"
              className="jp-Galley-textButton"
              aria-expanded={open}
              onClick={() => setOpen(!open)}
            >
              {open ? trans.__('Hide the traceback') : trans.__('Show the traceback')}
            </button>
          )}
        </div>
        {open && (
          <pre className="jp-Galley-traceback" tabIndex={0}>
            {straight(traceback || `${error?.ename}: ${error?.evalue}`)}
          </pre>
        )}
      </div>
    </div>
  );
}

function TaskName(props: { name: string; onTask?: (task: string) => void }): JSX.Element {
  const trans = useTrans();
  const { name, onTask } = props;
  const text = trans.__('task %1', name);
  return onTask ? (
    <button type="button" className="jp-Galley-textButton" onClick={() => onTask(name)}>
      {text}
    </button>
  ) : (
    <>{text}</>
  );
}

// eslint-disable-next-line no-control-regex -- terminal colours are control characters
const COLOURS = /\u001b\[[0-9;]*m/g;
