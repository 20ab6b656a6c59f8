/** Rows of lists: a run, a review; the state first, the name, then what one wants to know. */
import * as React from 'react';
import type { Run, Version } from '../api/types';
import { capitalised, straight } from '../format/names';
import { runWord, gateShort, versionWord } from '../model/words';
import { Elapsed, Link, Meter, Name, Time } from './basics';
import { useTrans } from './context';
import { Badge, Dot } from './glyph';

export function RunItem({ run, tenant }: { run: Run; tenant?: string }): JSX.Element {
  const trans = useTrans();
  const word = runWord(trans, run);
  const cell =
    run.state === 'running' && run.cells
      ? trans.__('cell %1 of %2', Math.min((run.cell ?? 0) + 1, run.cells), run.cells)
      : null;
  return (
    <li className="jp-Galley-item">
      <Dot word={word} />
      <div>
        <Link to={{ kind: 'run', id: run.id }}>
          <Name text={run.pipeline_name} most={44} />
        </Link>
        <div className="jp-Galley-muted">
          {word.text}
          {tenant && <> · {tenant}</>}
          {run.started_at && (
            <>
              {' · '}
              <Elapsed start={run.started_at} end={run.ended_at} />
            </>
          )}
          {cell && <> · {cell}</>}
        </div>
        {cell && <Meter done={run.cell} total={run.cells} label={cell} />}
        {(run.state === 'failed' || run.state === 'timed_out') && run.state_reason && (
          <div className="jp-Galley-clip" title={straight(run.state_reason)}>
            {capitalised(straight(run.state_reason))}
          </div>
        )}
      </div>
      <span className="jp-Galley-muted">
        <Time at={run.ended_at ?? run.started_at ?? run.created_at} />
      </span>
    </li>
  );
}

function rejected(version: Version, gate: string): boolean {
  return version.decisions.some(one => one.gate === gate && one.verdict === 'reject');
}

export function ReviewItem(props: { version: Version; tenant?: string }): JSX.Element {
  const trans = useTrans();
  const { version } = props;
  return (
    <li className="jp-Galley-item">
      <Dot word={versionWord(trans, version)} />
      <div>
        <Link to={{ kind: 'review', id: version.id }}>
          <Name text={version.name} most={44} /> v{version.number}
        </Link>
        <div className="jp-Galley-muted">
          {trans.__('by %1', version.author)}
          {props.tenant && <> · {props.tenant}</>}
        </div>
        {version.note && <div className="jp-Galley-clip">{version.note}</div>}
        <div className="jp-Galley-row">
          {version.gates.map(gate => (
            <Badge
              key={gate.gate}
              plain
              word={
                gate.passed
                  ? { text: gateShort(trans, gate.gate), tone: 'good', glyph: 'check' }
                  : rejected(version, gate.gate)
                    ? {
                        text: trans.__('%1 rejected', gateShort(trans, gate.gate)),
                        tone: 'bad',
                        glyph: 'cross'
                      }
                    : {
                        text: trans.__('%1 open', gateShort(trans, gate.gate)),
                        tone: 'idle',
                        glyph: 'clock'
                      }
              }
            />
          ))}
        </div>
      </div>
      <span className="jp-Galley-muted">
        <Time at={version.updated_at} />
      </span>
    </li>
  );
}
