/** The publish dialog after publishing: how far the version is on its way. */
import * as React from 'react';
import type { Version } from '../api/types';
import { Link, Meter, ProblemBox, Section } from '../components/basics';
import { useTrans } from '../components/context';
import { RehearsalFigures } from '../components/evidence';
import { FailureBox } from '../components/failure';
import { Glyph } from '../components/glyph';
import type { IOutcome } from '../hidden/comparison';
import { ComparisonView } from '../hidden/view';
import type { Resource } from '../model/resource';
import { stepsOf, type IStep } from './steps';

export function Progress(props: {
  version: Version;
  problem: unknown;
  retry: () => void;
  actions: React.ReactNode;
  comparison: Resource<IOutcome> | null;
  onCell: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  const { version } = props;
  const steps = stepsOf(trans, version);
  const failed = version.state === 'failed';
  return (
    <div className="jp-Galley-progress" aria-live="polite">
      <ProblemBox problem={props.problem} retry={props.retry} />
      <ol className="jp-Galley-steps">
        {steps.map(step => (
          <Step key={step.key} step={step} />
        ))}
      </ol>
      {failed && (
        <FailureBox
          error={version.evidence?.error}
          reason={version.state_reason}
          advice={trans.__('Nothing was published. Mend the cell and publish again.')}
          actions={props.actions}
        />
      )}
      {version.evidence?.passed && (
        <div className="jp-Galley-outcome">
          <RehearsalFigures evidence={version.evidence} />
        </div>
      )}
      {props.comparison && (
        <Section title={trans.__('Your session')}>
          <ComparisonView outcome={props.comparison} onCell={props.onCell} />
        </Section>
      )}
      <p>
        <Link to={{ kind: 'review', id: version.id }}>
          {trans.__('Everything about this version')}
        </Link>
      </p>
    </div>
  );
}

const GLYPHS = {
  done: 'check',
  doing: 'play',
  failed: 'cross',
  waiting: 'clock',
  skipped: 'skip'
} as const;

function Step({ step }: { step: IStep }): JSX.Element {
  return (
    <li
      className={`jp-mod-${step.state}`}
      aria-current={step.state === 'doing' ? 'step' : undefined}
    >
      <Glyph name={GLYPHS[step.state]} spin={step.state === 'doing'} />
      <div>
        <div>{step.label}</div>
        {step.state === 'doing' && step.total !== undefined && (
          <Meter done={step.done} total={step.total} label={step.label} />
        )}
        {step.detail && <div className="jp-Galley-muted">{step.detail}</div>}
      </div>
    </li>
  );
}
