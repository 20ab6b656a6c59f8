/** What a session has that a clean run has not, in a list that leads to the cells. */
import * as React from 'react';
import type { Check } from '../api/types';
import { Button, Empty, Loading, Message, ProblemBox } from '../components/basics';
import { useChanges, useTrans } from '../components/context';
import { Badge, Dot, Glyph } from '../components/glyph';
import type { Resource } from '../model/resource';
import { severityWord } from '../model/words';
import type { IOutcome } from './comparison';

export function ComparisonView(props: {
  outcome: Resource<IOutcome>;
  onCell: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  const { outcome, onCell } = props;
  useChanges(outcome);
  const again = (): void => void outcome.refresh();
  const found = outcome.value;
  if (outcome.problem) {
    return <ProblemBox problem={outcome.problem} retry={again} />;
  }
  if (!found || outcome.loading) {
    return (
      <>
        <p className="jp-Galley-muted" role="status">
          {trans.__('Comparing your session with the clean run…')}
        </p>
        <Loading lines={2} />
      </>
    );
  }
  const agree = found.compared && found.checks.length === 0 && !found.reason;
  return (
    <div className="jp-Galley-comparison">
      {found.reason && (
        <div className="jp-Galley-row jp-mod-sentence" role="status">
          <Glyph name="info" />
          <span>{found.reason}</span>
          <Button kind="quiet" label={trans.__('Compare again')} onClick={again} />
        </div>
      )}
      {agree ? (
        <Badge
          word={{
            text: trans.__('Your session and the clean run of v%1 agree', found.version ?? ''),
            tone: 'good',
            glyph: 'check'
          }}
        />
      ) : found.checks.length === 0 ? (
        found.compared && <Empty title={trans.__('Nothing else differs from the clean run.')} />
      ) : (
        <SessionChecks checks={found.checks} onCell={onCell} />
      )}
    </div>
  );
}

export function SessionChecks(props: {
  checks: readonly Check[];
  onCell: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  return (
    <ul className="jp-Galley-checks jp-mod-session">
      {props.checks.map((check, index) => (
        <li key={index}>
          <Dot word={severityWord(trans, check.severity)} />
          <span>
            <Message text={check.message} />
          </span>
          {check.cell !== null && check.cell !== undefined && (
            <Button
              kind="quiet"
              label={trans.__('Go to cell %1', check.cell + 1)}
              onClick={() => props.onCell(check.cell ?? 0)}
            />
          )}
        </li>
      ))}
    </ul>
  );
}
