/** Filling the calendar's holes: one date by a click, all that are shown by a backfill. */
import * as React from 'react';
import { Problem } from '../api/problem';
import type { Pipeline } from '../api/types';
import type { IDate, IHoles } from '../model/calendar';
import { may } from '../model/galley';
import { BackfillDialog } from './backfill-dialog';
import { Button } from './basics';
import { useAction, useChanges, useGalley } from './context';

export function FillHoles(props: {
  pipeline: Pipeline;
  holes: IHoles | null;
  /** The zone whose days the holes are named by. */
  timezone: string;
}): JSX.Element | null {
  const galley = useGalley();
  const { trans } = galley;
  const [asking, setAsking] = React.useState(false);
  const { pipeline, holes } = props;
  const reason = useReason(pipeline.tenant);
  // Without a schedule nothing says which dates there should be.
  if (!holes || !pipeline.schedule) {
    return null;
  }
  return (
    <>
      <Button
        label={trans._n('Fill %1 hole…', 'Fill %1 holes…', holes.count)}
        title={trans.__('Run the dates that have no result, after a look at which they are')}
        reason={pipeline.live_version ? reason : trans.__('No version is live yet.')}
        onClick={() => setAsking(true)}
      />
      {asking && (
        <BackfillDialog
          pipeline={pipeline}
          first={holes.first}
          last={holes.last}
          timezone={props.timezone}
          onClose={() => setAsking(false)}
          onStarted={backfill => {
            setAsking(false);
            galley.notify(
              trans._n('%1 date is being run', '%1 dates are being run', backfill.total),
              'success'
            );
          }}
        />
      )}
    </>
  );
}

/** Run one date that has no result, at once. */
export function FillDate({ date }: { date: IDate }): JSX.Element {
  const galley = useGalley();
  const { client, trans } = galley;
  const action = useAction();
  const reason = useReason(date.tenant);
  const [filled, setFilled] = React.useState(false);
  if (filled) {
    // Until its run is there, and this row is another one.
    return <span className="jp-Galley-muted">{trans.__('being run')}</span>;
  }
  return (
    <Button
      kind="quiet"
      label={trans.__('Fill')}
      title={trans.__('Run this date now, with the live version')}
      reason={reason}
      busy={action.busy}
      onClick={() =>
        action.start(async () => {
          try {
            await client.startBackfill(date.tenant, date.pipeline, {
              start: date.logical_date,
              end: date.logical_date,
              only: 'missing',
              order: 'oldest',
              parallel: 1,
              stop_at_first_failure: false
            });
            setFilled(true);
            galley.notify(trans.__('The date is being run'), 'success');
          } catch (error) {
            galley.notify(Problem.from(error).message, 'error');
          }
        })
      }
    />
  );
}

function useReason(tenant: string): string | null {
  const { me, trans } = useGalley();
  useChanges(me);
  return may(me.value, tenant, 'run')
    ? null
    : trans.__('Your roles in %1 do not allow running pipelines.', tenant);
}
