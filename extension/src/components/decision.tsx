/** The foot of the review page: a comment and the decision, bound to the digest that was seen. */
import * as React from 'react';
import { launchIcon } from '@jupyterlab/ui-components';
import type { Gate, Version } from '../api/types';
import { may } from '../model/galley';
import { gateShort } from '../model/words';
import { Button, ProblemBox } from './basics';
import { useAction, useChanges, useGalley } from './context';
import { Glyph } from './glyph';

export interface IDecisionProps {
  version: Version;
  /** The digest that the page was opened with. */
  seen: string | null;
  onDecided: (version: Version) => void;
}

export function DecisionFooter(props: IDecisionProps): JSX.Element | null {
  const galley = useGalley();
  const { trans, me, client } = galley;
  useChanges(me);
  const action = useAction();
  const [comment, setComment] = React.useState('');
  const field = React.useId();
  const { version, seen } = props;
  const user = me.value?.user;
  const mine = version.author === user;
  if (version.state !== 'in_review' && version.state !== 'rehearsing') {
    return null;
  }
  const withdraw = mine && (
    <Button
      kind="warn"
      label={trans.__('Withdraw')}
      title={trans.__('Takes the version back. It can be published again.')}
      busy={action.busy}
      onClick={() => action.start(async () => props.onDecided(await client.withdraw(version.id)))}
    />
  );
  if (version.state === 'rehearsing') {
    return mine ? <footer className="jp-Galley-foot">{withdraw}</footer> : null;
  }
  const open = version.gates.filter(gate => !gate.passed).map(gate => gate.gate);
  if (!galley.decidesHere && !mine) {
    return (
      <footer className="jp-Galley-foot">
        <span className="jp-Galley-muted">
          {trans.__(
            'Decisions are taken in Galley’s own window: any notebook could use this lab’s token.'
          )}
        </span>
        <Button
          kind="accept"
          label={trans.__('Decide…')}
          icon={<launchIcon.react tag="span" elementSize="normal" />}
          onClick={() => galley.openWindow({ kind: 'review', id: version.id })}
        />
      </footer>
    );
  }
  const refusal = (gate: Gate): string | null => {
    if (mine) {
      return trans.__('The author of a version never decides about it.');
    }
    if (seen !== version.digest) {
      return trans.__('The version changed since you opened it.');
    }
    if (may(me.value, version.tenant, gate === 'lead' ? 'approve-lead' : 'approve-mle')) {
      return null;
    }
    return version.decisions.some(one => one.reviewer === user)
      ? trans.__('You have decided; the %1 is still to decide.', gateShort(trans, gate))
      : trans.__('This needs the role “%1” in %2.', gate, version.tenant);
  };
  const decide = (gate: Gate, verdict: 'approve' | 'reject'): void =>
    action.start(async () => {
      const changed = await client.decide(version.id, {
        gate,
        verdict,
        digest: seen ?? '',
        comment
      });
      setComment('');
      props.onDecided(changed);
      galley.notify(
        verdict === 'approve'
          ? changed.state === 'approved' && !changed.live
            ? trans.__(
                'Approved %1 v%2. It is not live: “Make live” in its pipeline’s versions does that.',
                version.name,
                version.number
              )
            : trans.__('Approved %1 v%2.', version.name, version.number)
          : trans.__('Rejected %1 v%2.', version.name, version.number),
        'success'
      );
    });
  const allowed = open.filter(gate => refusal(gate) === null);
  const rejecting = allowed[0] ?? open[0];
  const refused = allowed.length === 0 && open.length > 0 ? refusal(open[0]) : null;
  return (
    <footer className="jp-Galley-foot">
      <ProblemBox problem={action.problem} />
      {refused && (
        <span className="jp-Galley-muted jp-Galley-refusal">
          <Glyph name="info" />
          {refused}
        </span>
      )}
      {allowed.length > 0 && (
        <>
          <label htmlFor={field} className="jp-Galley-hidden">
            {trans.__('Comment')}
          </label>
          <textarea
            id={field}
            rows={1}
            maxLength={4000}
            placeholder={trans.__('Comment for the author (needed to reject)')}
            value={comment}
            onChange={event => setComment(event.target.value)}
          />
        </>
      )}
      <div className="jp-Galley-actions">
        {withdraw}
        {rejecting && (
          <Button
            kind="warn"
            label={trans.__('Reject')}
            busy={action.busy}
            reason={
              refusal(rejecting) ??
              (comment.trim() ? null : trans.__('Say why, in the comment, before you reject.'))
            }
            onClick={() => decide(rejecting, 'reject')}
          />
        )}
        {open.map(gate => (
          <Button
            key={gate}
            kind="accept"
            label={trans.__('Approve as %1', gateShort(trans, gate))}
            busy={action.busy}
            reason={refusal(gate)}
            onClick={() => decide(gate, 'approve')}
          />
        ))}
      </div>
    </footer>
  );
}
