/** What failed in the attempt that is looked at, also where the run went on after it. */
import * as React from 'react';
import { bugIcon } from '@jupyterlab/ui-components';
import type { Attempt, Run, TaskTry } from '../api/types';
import { errorOf, failureAdvice, failureOf, missedDeadline, repeatedText } from '../model/failures';
import { Button } from './basics';
import { useGalley } from './context';
import { FailureBox } from './failure';

export function RunFailure(props: {
  run: Run;
  attempt: Attempt | undefined;
  task: TaskTry | undefined;
  /** Show a task. */
  onTask?: (task: string) => void;
}): JSX.Element | null {
  const galley = useGalley();
  const { trans } = galley;
  const { run, attempt } = props;
  const found = failureOf(trans, run, attempt);
  if (!found) {
    return null;
  }
  return (
    <FailureBox
      error={errorOf(attempt)}
      reason={found.reason}
      failure={found.failure}
      missed={missedDeadline(run, attempt)}
      onTask={props.onTask}
      retried={repeatedText(trans, attempt, found.sequel)}
      advice={failureAdvice(trans, run, attempt, found)}
      actions={
        attempt && (
          <Button
            label={trans.__('Debug in JupyterLab')}
            icon={<bugIcon.react tag="span" elementSize="normal" />}
            title={trans.__('Its notebook with its values, in your own sandbox')}
            onClick={() =>
              galley.debug(run, attempt.number, props.task?.error ? props.task.name : null)
            }
          />
        )
      }
    />
  );
}
