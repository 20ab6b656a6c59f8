/** What speaks for a version: its checks, its rehearsal, its gates. */
import * as React from 'react';
import type { Check, Evidence, FileUse, Version } from '../api/types';
import { bytes, figure } from '../format/quantity';
import { duration } from '../format/time';
import { gateName, severityWord } from '../model/words';
import { Empty, Facts, Message, Name, Time } from './basics';
import { useTrans } from './context';
import { Badge, Dot } from './glyph';

export function Checks(props: {
  checks: readonly Check[];
  onCell?: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  const order = { error: 0, warning: 1, info: 2 };
  const checks = [...props.checks].sort((a, b) => order[a.severity] - order[b.severity]);
  if (checks.length === 0) {
    return (
      <div className="jp-Galley-row">
        <Badge word={{ text: trans.__('All checks passed'), tone: 'good', glyph: 'check' }} />
      </div>
    );
  }
  return (
    <ul className="jp-Galley-checks">
      {checks.map((check, index) => (
        <li key={index}>
          <Dot word={severityWord(trans, check.severity)} />
          <span>
            <Message text={check.message} />
            {check.cell !== null && check.cell !== undefined && (
              <>
                {' '}
                <CellLink cell={check.cell} onCell={props.onCell} />
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

export function CellLink(props: { cell: number; onCell?: (cell: number) => void }): JSX.Element {
  const trans = useTrans();
  const { cell, onCell } = props;
  const text = trans.__('cell %1', cell + 1);
  return onCell ? (
    <button type="button" className="jp-Galley-textButton" onClick={() => onCell(cell)}>
      {text}
    </button>
  ) : (
    <span className="jp-Galley-muted">{text}</span>
  );
}

/** The files that a notebook reads and writes, each once, as far as reading it tells. */
export function Files(props: {
  files: readonly FileUse[];
  onCell?: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  const titles = { read: trans.__('Reads'), write: trans.__('Writes') };
  return (
    <ul className="jp-Galley-files">
      {usesOf(props.files).map(use => (
        <li key={`${use.mode} ${use.path}`}>
          <span className="jp-Galley-muted">{titles[use.mode]}</span>
          <span>
            {use.path === null ? (
              trans.__('a path that is known when it runs')
            ) : (
              <code>
                <Name text={use.path} most={40} />
              </code>
            )}{' '}
            {use.cells.map((cell, index) => (
              <React.Fragment key={cell}>
                {index > 0 && ', '}
                <CellLink cell={cell} onCell={props.onCell} />
              </React.Fragment>
            ))}
          </span>
        </li>
      ))}
    </ul>
  );
}

interface IUse {
  path: string | null;
  mode: FileUse['mode'];
  cells: number[];
}

/** Reads before writes, each path once with the cells that use it. */
export function usesOf(files: readonly FileUse[]): IUse[] {
  const found = new Map<string, IUse>();
  for (const { path, mode, cell } of files) {
    const key = `${mode} ${path}`;
    const use = found.get(key) ?? { path, mode, cells: [] };
    if (!use.cells.includes(cell)) {
      use.cells.push(cell);
    }
    found.set(key, use);
  }
  const uses = [...found.values()];
  return [...uses.filter(use => use.mode === 'read'), ...uses.filter(use => use.mode === 'write')];
}

export function RehearsalFigures({ evidence }: { evidence: Evidence | null }): JSX.Element {
  const trans = useTrans();
  if (!evidence) {
    return <Empty title={trans.__('Not rehearsed yet.')} />;
  }
  const parameters = Object.entries(evidence.parameters ?? {});
  return (
    <>
      <Badge
        word={
          evidence.passed
            ? { text: trans.__('Ran clean from top to bottom'), tone: 'good', glyph: 'check' }
            : { text: trans.__('Failed'), tone: 'bad', glyph: 'cross' }
        }
      />
      <Facts
        facts={[
          [trans.__('Duration'), duration(trans, evidence.duration_s)],
          [trans.__('Peak memory'), evidence.peak_memory ? bytes(evidence.peak_memory) : null],
          [trans.__('Code cells'), evidence.cells],
          [trans.__('Environment'), evidence.lock && <Lock lock={evidence.lock} />],
          [
            trans.__('Parameters'),
            parameters.length
              ? parameters.map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join(', ')
              : null
          ],
          ...Object.entries(evidence.metrics ?? {}).map(
            ([name, value]): [string, React.ReactNode] => [name, figure(value)]
          )
        ]}
      />
    </>
  );
}

/** The locked environment: its digest, and how much it has. */
function Lock({ lock }: { lock: NonNullable<Evidence['lock']> }): JSX.Element {
  const trans = useTrans();
  return (
    <>
      <code title={lock.digest}>{lock.digest.slice(0, 12)}</code>
      {' · '}
      {trans._n('%1 locked package', '%1 locked packages', lock.packages)}
      {lock.of_platform && ` · ${trans.__('the platform’s own')}`}
    </>
  );
}

export function Gates({ version }: { version: Version }): JSX.Element {
  const trans = useTrans();
  if (version.gates.length === 0) {
    return (
      <p className="jp-Galley-muted">
        {trans.__('This tenant asks for no review: publishing deploys.')}
      </p>
    );
  }
  return (
    <ul className="jp-Galley-gates">
      {version.gates.map(gate => {
        const refusal = version.decisions.find(
          decision => decision.gate === gate.gate && decision.verdict === 'reject'
        );
        return (
          <li key={gate.gate}>
            <span>{gateName(trans, gate.gate)}</span>
            {gate.passed ? (
              <Badge
                word={{
                  text: trans.__('Approved by %1', gate.reviewer ?? ''),
                  tone: 'good',
                  glyph: 'check'
                }}
              />
            ) : refusal ? (
              <Badge
                word={{
                  text: trans.__('Rejected by %1', refusal.reviewer),
                  tone: 'bad',
                  glyph: 'cross'
                }}
              />
            ) : (
              <Badge
                word={{
                  text: version.state === 'in_review' ? trans.__('Waiting') : trans.__('Open'),
                  tone: version.state === 'in_review' ? 'wait' : 'idle',
                  glyph: 'clock'
                }}
              />
            )}
            {gate.decided_at && <Time at={gate.decided_at} />}
          </li>
        );
      })}
    </ul>
  );
}

export function Comments({ version }: { version: Version }): JSX.Element | null {
  const said = version.decisions.filter(decision => decision.comment);
  if (said.length === 0) {
    return null;
  }
  return (
    <ul className="jp-Galley-comments">
      {said.map(decision => (
        <li key={decision.id}>
          <div className="jp-Galley-muted">
            <strong>{decision.reviewer}</strong> · <Time at={decision.decided_at} />
          </div>
          <div>{decision.comment}</div>
        </li>
      ))}
    </ul>
  );
}
