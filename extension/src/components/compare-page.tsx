/** Two runs side by side: what was given, what came out, how long it took, in what environment. */
import * as React from 'react';
import type { ComparedTime, Run, RunComparison } from '../api/types';
import { figure } from '../format/quantity';
import { duration } from '../format/time';
import { Resource } from '../model/resource';
import { runWord, triggerText } from '../model/words';
import { Button, Empty, Link, Loading, Moment, Name, Nothing, Section } from './basics';
import { CompareTable, type IComparedRow } from './compare-table';
import { useGalley, useModel, useTrans } from './context';
import { Badge } from './glyph';
import { NotebookFrame } from './notebook-frame';

export function ComparePage(props: { left: string | null; right: string }): JSX.Element {
  const { client, events, trans } = useGalley();
  const { left, right } = props;
  const found = useModel(() => {
    const resource = new Resource(() => client.compareRuns(left, right)).follow(
      events,
      event => event.kind === 'run.changed' && [left, right].includes(event.subject)
    );
    void resource.refresh();
    return resource;
  }, `${left}/${right}`);
  const alone = left === null && found.problem?.field === 'left';
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Two runs side by side')}>
      {alone ? (
        <Empty title={trans.__('There is no successful run before this one.')}>
          {trans.__('Select any two runs in the table of runs and press Compare there.')}{' '}
          <Link to={{ kind: 'run', id: right }}>{trans.__('Back to the run')}</Link>
        </Empty>
      ) : (
        found.problem && (
          <Nothing
            problem={found.problem}
            absent={trans.__('One of the two runs is not there, or you may not see it.')}
            retry={() => void found.refresh()}
          >
            <Link to={{ kind: 'runs' }}>{trans.__('All runs')}</Link>
          </Nothing>
        )
      )}
      {found.value ? <Body found={found.value} /> : !found.problem && <Loading lines={6} />}
    </div>
  );
}

function Body({ found }: { found: RunComparison }): JSX.Element {
  const galley = useGalley();
  const { trans } = galley;
  const { left, right } = found;
  return (
    <>
      <header className="jp-Galley-head">
        <div className="jp-Galley-crumbs">
          <Link to={{ kind: 'pipeline', tenant: right.tenant, slug: right.pipeline, tab: 'runs' }}>
            <Name text={right.pipeline_name} most={48} />
          </Link>
          <span aria-hidden="true">›</span>
          <span>{trans.__('Compare')}</span>
        </div>
        <div className="jp-Galley-titleRow">
          <h2>{trans.__('Two runs side by side')}</h2>
          <Button
            label={trans.__('Swap sides')}
            onClick={() => galley.go({ kind: 'compare', left: right.id, right: left.id })}
          />
        </div>
        <div className="jp-Galley-pair">
          <Side run={left} title={trans.__('Left')} />
          <Side run={right} title={trans.__('Right')} />
        </div>
        {(found.notes ?? []).map(note => (
          <div key={note} className="jp-Galley-muted">
            {note}
          </div>
        ))}
      </header>
      <Section title={trans.__('Parameters')}>
        <CompareTable
          what={trans.__('Parameter')}
          rows={found.parameters.map(one => ({ ...one, key: one.name }))}
          empty={trans.__('This notebook declares no parameters.')}
        />
      </Section>
      <Section title={trans.__('Metrics')}>
        <CompareTable
          what={trans.__('Metric')}
          rows={found.metrics.map(one => number(one.name, one.left, one.right, figure))}
          empty={trans.__('Neither run logged a metric.')}
        />
      </Section>
      <Times found={found} />
      <Section title={trans.__('Environment')}>
        {found.packages.length === 0 ? (
          <Empty
            title={
              found.same_version
                ? trans.__('Both ran version %1, in the same locked environment.', right.version)
                : trans.__('The locked environments of both versions are the same.')
            }
          />
        ) : (
          <CompareTable
            what={trans.__('Package')}
            rows={found.packages.map(one => ({ ...one, key: one.name }))}
            empty=""
          />
        )}
      </Section>
      <Outputs found={found} />
    </>
  );
}

function Side({ run, title }: { run: Run; title: string }): JSX.Element {
  const { trans } = useGalley();
  return (
    <div className="jp-Galley-pairSide">
      <div className="jp-Galley-row">
        <strong>{title}</strong>
        <Badge word={runWord(trans, run)} />
        <Link to={{ kind: 'run', id: run.id }}>
          <code>
            <Name text={run.id} most={18} />
          </code>
        </Link>
      </div>
      <div className="jp-Galley-muted">
        {trans.__('version %1', run.version)} · {trans.__('for')} <Moment at={run.logical_date} /> ·{' '}
        {triggerText(trans, run)}
      </div>
      {run.state_reason && (
        <div className="jp-Galley-muted">
          <Name text={run.state_reason} most={140} />
        </div>
      )}
    </div>
  );
}

function Times({ found }: { found: RunComparison }): JSX.Element {
  const trans = useTrans();
  const text = (seconds: number): string => duration(trans, seconds);
  const row = (one: ComparedTime): IComparedRow =>
    number(
      one.cell === null || one.cell === undefined
        ? one.task
        : trans.__('cell %1 (%2)', one.cell + 1, one.task),
      one.left,
      one.right,
      text
    );
  const timed = found.cells.filter(one => one.left !== null || one.right !== null);
  return (
    <Section title={trans.__('Durations')}>
      <CompareTable
        what={trans.__('Task')}
        rows={found.tasks.map(row)}
        empty={trans.__('Neither run has started a task.')}
      />
      {timed.length > 0 && (
        <details className="jp-Galley-comparedCells">
          <summary>{trans._n('%1 cell', '%1 cells', timed.length)}</summary>
          <CompareTable what={trans.__('Cell')} rows={timed.map(row)} empty="" />
        </details>
      )}
    </Section>
  );
}

function Outputs({ found }: { found: RunComparison }): JSX.Element {
  const { client, trans } = useGalley();
  const [cell, setCell] = React.useState<number | null>(null);
  const { left, right, outputs } = found;
  const different = outputs.filter(one => !one.same);
  if (outputs.length === 0) {
    return (
      <Section title={trans.__('Outputs')}>
        <Empty title={trans.__('No cell of either run has an output.')} />
      </Section>
    );
  }
  return (
    <Section
      title={trans.__('Outputs')}
      aside={
        <span className="jp-Galley-muted">
          {trans.__('%1 equal, %2 different', outputs.length - different.length, different.length)}
        </span>
      }
    >
      {different.length > 0 && (
        <div className="jp-Galley-row">
          <span className="jp-Galley-muted">{trans.__('Different:')}</span>
          {different.slice(0, 30).map(one => (
            <button
              key={one.cell}
              type="button"
              className="jp-Galley-textButton"
              onClick={() => setCell(one.cell)}
            >
              {trans.__('cell %1', one.cell + 1)}
            </button>
          ))}
        </div>
      )}
      <div className="jp-Galley-outputs">
        <NotebookFrame
          url={client.comparedOutputsUrl(left.id, right.id)}
          title={trans.__('The outputs of each cell')}
          anchor={cell === null ? null : `cell-${cell}`}
        />
      </div>
    </Section>
  );
}

/** A row of figures, with how much the right one differs. */
function number(
  key: string,
  left: number | null | undefined,
  right: number | null | undefined,
  text: (value: number) => string
): IComparedRow {
  const known = typeof left === 'number' && typeof right === 'number';
  const change = known ? right - left : 0;
  const share = known && left !== 0 ? ` (${signed((change / Math.abs(left)) * 100)} %)` : '';
  return {
    key,
    left: typeof left === 'number' ? text(left) : null,
    right: typeof right === 'number' ? text(right) : null,
    change:
      known && change !== 0 ? `${change < 0 ? '−' : '+'}${text(Math.abs(change))}${share}` : '',
    numeric: true
  };
}

function signed(value: number): string {
  const size = Math.abs(value);
  return `${value < 0 ? '−' : '+'}${size >= 100 ? size.toFixed(0) : Number(size.toPrecision(2))}`;
}
