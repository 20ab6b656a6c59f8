/** What one may do with a run: cancel it, retry it, run it again with other parameters. */
import * as React from 'react';
import { refreshIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import type { Run } from '../api/types';
import { may } from '../model/galley';
import { TIME_PARAMETERS } from '../model/parameters';
import { ended } from '../model/words';
import { Button, ProblemBox } from './basics';
import { useAction, useChanges, useGalley } from './context';
import { Modal } from './modal';
import { RunDialog } from './run-dialog';

export function RunActions(props: { run: Run; onChanged: (run: Run) => void }): JSX.Element {
  const galley = useGalley();
  const { client, me, trans } = galley;
  useChanges(me);
  const action = useAction();
  const [asking, setAsking] = React.useState(false);
  const [cancelling, setCancelling] = React.useState(false);
  const { run } = props;
  React.useEffect(() => {
    if (ended(run.state)) {
      setCancelling(false);
    }
  }, [run.state]);
  const refused = may(me.value, run.tenant, 'run')
    ? null
    : trans.__('Your roles in %1 do not allow running pipelines.', run.tenant);
  const over = ended(run.state);
  const retriable = run.state === 'failed' || run.state === 'timed_out';
  return (
    <div className="jp-Galley-actions">
      <ProblemBox problem={action.problem} />
      {!over && (
        <Button
          kind="warn"
          label={trans.__('Cancel run')}
          icon={<stopIcon.react tag="span" elementSize="normal" />}
          reason={run.cancel_requested ? trans.__('It is being cancelled.') : refused}
          busy={action.busy}
          onClick={() => setCancelling(true)}
        />
      )}
      {over && run.attempt_count > 0 && (
        <Button
          label={trans.__('Compare')}
          title={trans.__(
            'With the successful run before it; another is chosen in the table of runs'
          )}
          onClick={() => galley.go({ kind: 'compare', left: null, right: run.id })}
        />
      )}
      {over && run.kind === 'trial' && (
        <Button
          label={trans.__('Try again…')}
          icon={<runIcon.react tag="span" elementSize="normal" />}
          reason={
            may(me.value, run.tenant, 'publish')
              ? null
              : trans.__('Your roles in %1 do not allow trying versions.', run.tenant)
          }
          onClick={() => setAsking(true)}
        />
      )}
      {over && run.kind === 'pipeline' && (
        <>
          {retriable && (
            <Button
              label={trans.__('Retry')}
              icon={<refreshIcon.react tag="span" elementSize="normal" />}
              title={trans.__('One more attempt with the same version, date and parameters.')}
              reason={refused}
              busy={action.busy}
              onClick={() =>
                action.start(async () => props.onChanged(await client.retryRun(run.id)))
              }
            />
          )}
          <Button
            label={trans.__('Run again…')}
            icon={<runIcon.react tag="span" elementSize="normal" />}
            reason={refused}
            onClick={() => setAsking(true)}
          />
        </>
      )}
      {cancelling && !over && (
        <CancelDialog
          run={run}
          onClose={() => setCancelling(false)}
          onCancel={() => {
            setCancelling(false);
            action.start(async () => props.onChanged(await client.cancelRun(run.id)));
          }}
        />
      )}
      {asking && (
        <RunDialog
          tenant={run.tenant}
          slug={run.pipeline}
          version={run.version}
          initial={withoutTime(run.parameters)}
          date={dateOf(run)}
          incremental={run.incremental}
          trial={run.kind === 'trial'}
          onClose={() => setAsking(false)}
          onStarted={started => {
            setAsking(false);
            galley.go({ kind: 'run', id: started.id });
          }}
        />
      )}
    </div>
  );
}

/** Parameters that are filled from the date of a run are filled anew. */
function withoutTime(parameters: Run['parameters']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters).filter(([name]) => !TIME_PARAMETERS.includes(name))
  );
}

/** The date that a run was for; null where that was the moment in which it was asked for. */
function dateOf(run: Run): string | null {
  const now = run.trigger === 'manual' && run.logical_date === run.created_at;
  return now || run.kind === 'trial' ? null : run.logical_date;
}

/** Asks once more: a cancelled run is over for good. */
function CancelDialog(props: { run: Run; onClose: () => void; onCancel: () => void }): JSX.Element {
  const { trans } = useGalley();
  const { run } = props;
  return (
    <Modal
      title={trans.__('Cancel this run?')}
      onClose={props.onClose}
      footer={
        <>
          <Button first label={trans.__('Let it go on')} onClick={props.onClose} />
          <Button kind="warn" label={trans.__('Cancel the run')} onClick={props.onCancel} />
        </>
      }
    >
      <p>
        {run.state === 'queued'
          ? trans.__('It waits in the queue and will not begin.')
          : trans.__(
              'Its tasks are ended now. Logs and notebooks are kept as far as they came; what a task wrote elsewhere stays there.'
            )}
      </p>
      <p className="jp-Galley-muted">
        {run.kind === 'pipeline'
          ? trans.__(
              'A cancelled run is not retried. “Run again…” starts another one with its version and parameters.'
            )
          : trans.__('A cancelled run is not retried.')}
      </p>
    </Modal>
  );
}
