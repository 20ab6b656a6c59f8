/** The backfills of a pipeline: how far each is, and pause, resume, cancel. */
import * as React from 'react';
import type { Backfill, Pipeline } from '../api/types';
import { duration } from '../format/time';
import { may } from '../model/galley';
import { PagedList } from '../model/list';
import { backfillWord } from '../model/words';
import { Button, Meter, Moment, ProblemBox, Section, Time } from './basics';
import { useAction, useChanges, useGalley, useModel } from './context';
import { Badge } from './glyph';
import { More } from './more';

/** Nothing is drawn while the pipeline has had no backfill. */
export function Backfills({ pipeline }: { pipeline: Pipeline }): JSX.Element | null {
  const { client, events, trans } = useGalley();
  const { tenant, slug } = pipeline;
  const list = useModel(() => {
    const backfills = new PagedList<Backfill>(
      (cursor, limit) => client.backfills(tenant, slug, { cursor, limit }),
      5
    ).follow(
      events,
      event =>
        event.pipeline === slug &&
        event.tenant === tenant &&
        (event.kind === 'backfill.changed' || event.kind === 'run.changed')
    );
    void backfills.refresh();
    return backfills;
  }, `${tenant}/${slug}/backfills`);
  if (!list.problem && list.items.length === 0) {
    return null;
  }
  return (
    <Section title={trans.__('Backfills')}>
      <ProblemBox problem={list.problem} retry={() => void list.refresh()} />
      <ul className="jp-Galley-orders">
        {list.items.map(one => (
          <BackfillLine key={one.id} backfill={one} onChanged={() => void list.refresh()} />
        ))}
      </ul>
      <More list={list} kind="quiet" label={trans.__('Show more')} />
    </Section>
  );
}

function BackfillLine(props: { backfill: Backfill; onChanged: () => void }): JSX.Element {
  const { client, me, trans } = useGalley();
  useChanges(me);
  const action = useAction();
  const [sure, setSure] = React.useState(false);
  const one = props.backfill;
  const ended = ['done', 'failed', 'cancelled'].includes(one.state);
  const reason = may(me.value, one.tenant, 'run')
    ? null
    : trans.__('Your roles in %1 do not allow running pipelines.', one.tenant);
  const act = (work: () => Promise<Backfill>): void =>
    action.start(async () => {
      await work();
      props.onChanged();
    });
  const done = one.succeeded + one.failed;
  return (
    <li>
      <div className="jp-Galley-row">
        <Badge word={backfillWord(trans, one.state)} />
        <span>
          <Moment at={one.start} zone={one.timezone} /> –{' '}
          <Moment at={one.end} zone={one.timezone} />
        </span>
        <span className="jp-Galley-muted">
          {trans.__('version %1, by %2', one.version, one.requested_by)}{' '}
          <Time at={one.created_at} />
        </span>
        {!ended && (
          <>
            <Button
              kind="quiet"
              label={one.state === 'paused' ? trans.__('Resume') : trans.__('Pause')}
              title={
                one.state === 'paused'
                  ? trans.__('Start the remaining dates')
                  : trans.__('Start no more dates; what runs goes on to its end')
              }
              busy={action.busy}
              reason={reason}
              onClick={() =>
                act(() =>
                  one.state === 'paused'
                    ? client.resumeBackfill(one.id)
                    : client.pauseBackfill(one.id)
                )
              }
            />
            <Button
              kind={sure ? 'warn' : 'quiet'}
              label={sure ? trans.__('Yes, cancel it') : trans.__('Cancel…')}
              title={trans.__('Ends its runs; what has succeeded stays')}
              busy={action.busy}
              reason={reason}
              onClick={() => (sure ? act(() => client.cancelBackfill(one.id)) : setSure(true))}
            />
          </>
        )}
      </div>
      <Meter
        done={done}
        total={one.total}
        tone={one.failed > 0 ? 'bad' : ended ? 'good' : 'busy'}
        label={trans.__(
          '%1 of %2 dates succeeded, %3 failed, %4 open, %5 waiting',
          one.succeeded,
          one.total,
          one.failed,
          one.open,
          one.waiting
        )}
      />
      <div className="jp-Galley-muted">
        {trans.__(
          '%1 of %2 succeeded · %3 failed · %4 open · %5 waiting',
          one.succeeded,
          one.total,
          one.failed,
          one.open,
          one.waiting
        )}
        {one.deadline_s &&
          ` · ${trans.__('each to end within %1', duration(trans, one.deadline_s))}`}
        {one.state_reason && ` · ${one.state_reason}`}
      </div>
      <ProblemBox problem={action.problem} />
    </li>
  );
}
