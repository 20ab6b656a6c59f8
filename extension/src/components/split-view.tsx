/** A split: its tasks as a graph, and the variables that cross the chosen edge. */
import * as React from 'react';
import type { SplitPlan } from '../api/types';
import { capitalised } from '../format/names';
import { bytes } from '../format/quantity';
import { edgesOf, type IEdgeFacts, type Seen } from '../model/split';
import { Empty, Name } from './basics';
import { useTrans } from './context';
import { edgeKey, TaskGraph, type IEdgeText } from './graph';

/** More edges than this and a label only counts. */
const CROWDED = 10;

export function SplitView(props: {
  plan: SplitPlan;
  /** Types and sizes that a rehearsal saw. */
  seen?: Seen;
  direction?: 'down' | 'right';
  /** How wide the graph may be when it goes down, pixels. */
  room?: number;
  /** The answer to a change is on its way. */
  stale?: boolean;
}): JSX.Element {
  const trans = useTrans();
  const { plan, seen } = props;
  const [picked, pick] = React.useState<string | null>(null);
  const facts = React.useMemo(() => edgesOf(plan, seen), [plan, seen]);
  const texts = React.useMemo(
    () => facts.map(edge => textOf(trans, edge, facts.length > CROWDED)),
    [trans, facts]
  );
  const chosen = facts.find(edge => edgeKey(edge) === picked) ?? null;
  return (
    <div className="jp-Galley-split" aria-busy={props.stale ?? false}>
      <TaskGraph
        graph={plan.tasks}
        direction={props.direction ?? 'down'}
        room={props.room}
        edges={texts}
        selectedEdge={chosen && edgeKey(chosen)}
        onSelectEdge={edge => pick(edge === picked ? null : edge)}
      />
      {facts.length > 0 &&
        (chosen ? (
          <Crossings edge={chosen} />
        ) : (
          <p className="jp-Galley-help">
            {trans.__('Choose an edge to see the variables that cross it.')}
          </p>
        ))}
    </div>
  );
}

type Trans = ReturnType<typeof useTrans>;

function textOf(trans: Trans, edge: IEdgeFacts, crowded: boolean): IEdgeText {
  const names = edge.variables.map(one => one.name);
  const effect = names.length === 0;
  const text = effect
    ? why(trans, edge)
    : crowded
      ? String(names.length)
      : names.length > 2
        ? trans.__('%1 +%2', names.slice(0, 2).join(', '), names.length - 2)
        : names.join(', ');
  const aloud = trans.__(
    'From %1 to %2: %3',
    edge.from,
    edge.to,
    effect ? reason(trans, edge) : names.join(', ')
  );
  return { from: edge.from, to: edge.to, text, aloud, effect };
}

/** One word for why a task waits for another that hands nothing over. */
function why(trans: Trans, edge: IEdgeFacts): string {
  return edge.states.length > 0 ? edge.states.join(', ') : trans.__('order');
}

function reason(trans: Trans, edge: IEdgeFacts): string {
  return edge.states.length > 0
    ? trans.__('no variable, but the state of %1', edge.states.join(', '))
    : trans.__('no variable, but the order: a check, a file, or another effect');
}

function Crossings({ edge }: { edge: IEdgeFacts }): JSX.Element {
  const trans = useTrans();
  const title = (
    <>
      <Name text={edge.from} most={24} /> → <Name text={edge.to} most={24} />
    </>
  );
  if (edge.variables.length === 0) {
    return (
      <div className="jp-Galley-crossings">
        <h4>{title}</h4>
        <p>{`${capitalised(reason(trans, edge))}.`}</p>
      </div>
    );
  }
  return (
    <div className="jp-Galley-crossings">
      <h4>{title}</h4>
      <table className="jp-Galley-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Variable')}</th>
            <th scope="col">{trans.__('Type')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Size')}
            </th>
          </tr>
        </thead>
        <tbody>
          {edge.variables.map(variable => (
            <Variable key={variable.name} variable={variable} />
          ))}
        </tbody>
      </table>
      {edge.variables.some(variable => !variable.type) && (
        <p className="jp-Galley-help">
          {trans.__('Types and sizes are known after the first rehearsal.')}
        </p>
      )}
      {edge.states.length > 0 && (
        <p className="jp-Galley-help">
          {trans.__('Along with it goes the state of %1.', edge.states.join(', '))}
        </p>
      )}
    </div>
  );
}

function Variable(props: { variable: IEdgeFacts['variables'][number] }): JSX.Element {
  const { name, type, size, summary } = props.variable;
  return (
    <tr>
      <td>
        <code>
          <Name text={name} most={32} />
        </code>
      </td>
      <td>
        {type ? <Name text={type} most={32} /> : '–'}
        {summary && <div className="jp-Galley-muted">{summary}</div>}
      </td>
      <td className="jp-mod-number">{size === null || size === undefined ? '–' : bytes(size)}</td>
    </tr>
  );
}

/** Why there is only one task, in a sentence. */
export function OneTask({ plan }: { plan: SplitPlan }): JSX.Element {
  const trans = useTrans();
  return (
    <Empty title={trans.__('One task')}>
      {plan.reason ?? trans.__('All cells run one after the other in one kernel.')}
    </Empty>
  );
}
