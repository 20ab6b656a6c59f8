/** What a rehearsal showed of a split: the verdict, what was compared, and what differed. */
import * as React from 'react';
import type { Difference, Evidence, Proof, Version } from '../api/types';
import { duration } from '../format/time';
import { seenIn } from '../model/split';
import { proofWord } from '../model/words';
import { Empty, Facts, Message, Name } from './basics';
import { useTrans } from './context';
import { CellLink } from './evidence';
import { Badge, Glyph } from './glyph';
import { SplitView } from './split-view';

/** More unstable things than this are folded away. */
const MANY = 5;
/** Width of the review's left side, pixels. */
const ROOM = 700;

export interface IProofProps {
  version: Pick<Version, 'evidence' | 'analysis'>;
  onCell?: (cell: number) => void;
}

/** The verdict and its reason: what one wants to know before approving. */
export function ProofSummary(props: IProofProps & { onMore: () => void }): JSX.Element {
  const trans = useTrans();
  const { evidence } = props.version;
  const proof = evidence?.proof;
  if (!proof) {
    return <Unproved evidence={evidence} />;
  }
  return (
    <>
      <Badge word={proofWord(trans, proof)} />
      <Reason {...props} />
      <p className="jp-Galley-muted">{compared(trans, proof)}</p>
      <Drawing proof={proof} />
      {proof.state !== 'not_needed' && (
        <p>
          <button type="button" className="jp-Galley-textButton" onClick={props.onMore}>
            {trans.__('Everything about the proof')}
          </button>
        </p>
      )}
    </>
  );
}

export function ProofView(props: IProofProps): JSX.Element {
  const trans = useTrans();
  const { version, onCell } = props;
  const { evidence } = version;
  const seen = React.useMemo(() => seenIn(evidence), [evidence]);
  const proof = evidence?.proof;
  if (!proof) {
    return <Unproved evidence={evidence} />;
  }
  const unstable = proof.unstable ?? [];
  return (
    <div className="jp-Galley-proof">
      <Badge word={proofWord(trans, proof)} />
      <Reason {...props} />
      <p className="jp-Galley-muted">{meaning(trans, proof)}</p>
      {proof.plan && proof.plan.tasks.length > 1 && (
        <SplitView plan={proof.plan} seen={seen} room={ROOM} />
      )}
      <Facts
        facts={[
          [trans.__('Compared'), compared(trans, proof)],
          [trans.__('Unsplit runs'), runs(trans, proof.plain_s ?? [])],
          [
            trans.__('Split runs'),
            runs(
              trans,
              (proof.tries ?? []).map(one => one.duration_s)
            )
          ],
          [trans.__('Kernels'), (proof.kernels ?? []).map(one => kernel(trans, one)).join(', ')]
        ]}
      />
      <Tries proof={proof} onCell={onCell} />
      <Drawing proof={proof} />
      {unstable.length > 0 && (
        <details open={unstable.length <= MANY || undefined}>
          <summary>
            {trans._n(
              '%1 thing differs between two unsplit runs already',
              '%1 things differ between two unsplit runs already',
              unstable.length
            )}
          </summary>
          <Differences differences={unstable} onCell={onCell} />
        </details>
      )}
    </div>
  );
}

/** Which cells make each run another one. */
function Drawing({ proof }: { proof: Proof }): JSX.Element | null {
  const trans = useTrans();
  const cells = proof.drawing ?? [];
  if (cells.length === 0) {
    return null;
  }
  const named = cells.map(cell => cell + 1).join(', ');
  return (
    <p className="jp-Galley-muted">
      {trans._n(
        'Cell %2 draws random numbers that nobody seeds: what hangs on them differs from run to run.',
        'Cells %2 draw random numbers that nobody seeds: what hangs on them differs from run to run.',
        cells.length,
        named
      )}
    </p>
  );
}

function Unproved({ evidence }: { evidence: Evidence | null }): JSX.Element {
  const trans = useTrans();
  if (!evidence) {
    return <Empty title={trans.__('Not rehearsed yet.')} />;
  }
  return (
    <Empty title={trans.__('One task')}>
      {evidence.passed
        ? trans.__('Nothing was split, so nothing had to be proved.')
        : trans.__('The rehearsal failed before a split could be proved.')}
    </Empty>
  );
}

function Reason({ version }: IProofProps): JSX.Element | null {
  const proof = version.evidence?.proof;
  const why = proof?.reason ?? (proof?.plan ? null : version.analysis?.split?.reason);
  return why ? <p>{why}</p> : null;
}

type Trans = ReturnType<typeof useTrans>;

/** What the verdict means, in plain words. */
function meaning(trans: Trans, proof: Proof): string {
  switch (proof.state) {
    case 'equal':
      return (proof.plain_s ?? []).length > 1
        ? trans.__(
            'The notebook ran twice unsplit, which shows what is not stable by itself, and split: every other variable, output and file is the same.'
          )
        : trans.__(
            'The notebook ran once unsplit and once split: every variable, output and file is the same.'
          );
    case 'unequal':
      if ((proof.tries ?? []).length === 0) {
        return trans.__(
          'No split was compared with the unsplit notebook, so none is used. The version runs as one task, which gives what the notebook gives.'
        );
      }
      return trans.__(
        'A split gave other results than the unsplit notebook, so it was not accepted. The version runs as one task, which gives what the notebook gives.'
      );
    case 'skipped':
      return trans.__(
        'Nobody has shown that a split gives the same results, so none is used. The version runs as one task.'
      );
    default:
      return trans.__('The version runs as one task: there is nothing to compare.');
  }
}

function compared(trans: Trans, proof: Proof): string | null {
  const { variables, outputs, files } = proof;
  if (!variables && !outputs && !files) {
    return null;
  }
  return [
    trans._n('%1 variable', '%1 variables', variables),
    trans._n('%1 output', '%1 outputs', outputs),
    trans._n('%1 file', '%1 files', files)
  ].join(', ');
}

function runs(trans: Trans, seconds: readonly number[]): string | null {
  return seconds.length ? seconds.map(one => duration(trans, one)).join(', ') : null;
}

function kernel(trans: Trans, how: string): string {
  return how === 'forked' ? trans.__('forked, as in a run') : trans.__('started one by one');
}

function Tries({ proof, onCell }: { proof: Proof; onCell?: (cell: number) => void }) {
  const trans = useTrans();
  const tries = proof.tries ?? [];
  const telling = tries.filter(one => counted(one.differences).length > 0);
  if (telling.length === 0) {
    return null;
  }
  return (
    <ol className="jp-Galley-tries">
      {tries.map((one, index) => {
        const differences = counted(one.differences);
        return (
          <li key={index}>
            <div className="jp-Galley-row">
              <Badge
                plain
                word={
                  differences.length === 0
                    ? { text: trans.__('Equal'), tone: 'good', glyph: 'check' }
                    : {
                        text: trans._n(
                          '%1 thing differed',
                          '%1 things differed',
                          differences.length
                        ),
                        tone: 'warn',
                        glyph: 'warning'
                      }
                }
              />
              <span className="jp-Galley-muted">
                {trans._n('split %2, %1 task', 'split %2, %1 tasks', one.tasks.length, index + 1)}
                {(one.reused ?? []).length > 0 &&
                  ` · ${trans.__('%1 reused', (one.reused ?? []).join(', '))}`}
              </span>
            </div>
            <Differences differences={differences} onCell={onCell} />
          </li>
        );
      })}
    </ol>
  );
}

/** The differences that count against a split. */
function counted(differences: readonly Difference[] | undefined): Difference[] {
  return (differences ?? []).filter(one => !one.unstable);
}

function Differences(props: {
  differences: readonly Difference[];
  onCell?: (cell: number) => void;
}): JSX.Element | null {
  if (props.differences.length === 0) {
    return null;
  }
  return (
    <ul className="jp-Galley-checks">
      {props.differences.map((one, index) => (
        <li key={index} className="jp-mod-idle">
          <Glyph name="info" />
          <span>
            <Message text={one.message} />
            {one.task && (
              <span className="jp-Galley-muted">
                {' '}
                <Name text={one.task} most={28} />
              </span>
            )}
            {one.cell !== null && one.cell !== undefined && (
              <>
                {' '}
                <CellLink cell={one.cell} onCell={props.onCell} />
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
