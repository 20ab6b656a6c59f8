/** The tasks of a pipeline as a graph: each with its state, each edge with what crosses it. */
import * as React from 'react';
import type { TaskNode, TaskTry } from '../api/types';
import { apart, middle } from '../format/names';
import { arrange, type IPlaced, type IRouted } from '../model/graph';
import { cellRanges } from '../model/split';
import { taskWord, type IWord } from '../model/words';
import { useTrans } from './context';
import { Glyph } from './glyph';

const BOX = { right: { width: 220, height: 58 }, down: { width: 168, height: 46 } };
/** Of a label: height, room beside the text, and a letter's width, in pixels. */
const LABEL = { height: 20, room: 18, letter: 6.4 };
const LONGEST_LABEL = 22;
const LONGEST_NAME = { right: 20, down: 16 };
/** Letters that the state's icon takes the room of. */
const ICON = 2;
/** Width of the outlook beside the publish form, pixels. */
const NARROW = 390;

/** What is written on an edge, and what it is called aloud. */
export interface IEdgeText {
  from: string;
  to: string;
  text: string;
  aloud: string;
  /** No variable crosses it: the order matters because of a check, a file, or state. */
  effect: boolean;
}

export interface IGraphProps {
  graph: readonly (TaskNode & { title?: string })[];
  tasks?: readonly TaskTry[];
  selected?: string | null;
  onSelect?: (task: string) => void;
  /** Down fits beside other things, right has the page's width. */
  direction?: 'down' | 'right';
  /** How wide it may be when it goes down, pixels. */
  room?: number;
  edges?: readonly IEdgeText[];
  selectedEdge?: string | null;
  onSelectEdge?: (edge: string) => void;
}

/** What tells one edge from another. */
export function edgeKey(edge: { from: string; to: string }): string {
  return `${edge.from}>${edge.to}`;
}

export function TaskGraph(props: IGraphProps): JSX.Element {
  const trans = useTrans();
  const arrow = React.useId();
  const { graph, direction = 'right' } = props;
  const box = BOX[direction];
  const texts = new Map((props.edges ?? []).map(edge => [edgeKey(edge), edge]));
  const placed = React.useMemo(() => {
    const nodes = graph.map(node => ({ name: node.name, upstream: node.upstream ?? [] }));
    const known = new Map((props.edges ?? []).map(edge => [edgeKey(edge), edge.text]));
    return arrange(nodes, {
      direction,
      box,
      room: props.room ?? NARROW,
      label: known.size
        ? (from, to) => roomFor(middle(known.get(edgeKey({ from, to })) ?? '', LONGEST_LABEL))
        : undefined
    });
  }, [graph, props.edges, props.room, direction, box]);
  const tasks = new Map((props.tasks ?? []).map(task => [task.name, task]));
  const nodes = new Map(graph.map(node => [node.name, node]));
  const shown = React.useMemo(
    () =>
      apart(
        graph.map(node => node.name),
        LONGEST_NAME[direction] - (tasks.size ? ICON : 0)
      ),
    [graph, direction, tasks.size]
  );
  const frame = React.useRef<HTMLDivElement>(null);
  const chosen = placed.nodes.find(node => node.name === props.selected);
  React.useLayoutEffect(() => {
    if (frame.current && chosen) {
      bring(frame.current, chosen, box);
    }
    // The layout is made anew with each event of a run: only another place or task is brought.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [chosen?.name, chosen?.x, chosen?.y]);
  return (
    <div ref={frame} className={`jp-Galley-graph jp-mod-${direction}`}>
      <svg
        width={Math.ceil(placed.width)}
        height={Math.ceil(placed.height)}
        role="group"
        aria-label={trans.__('Task graph')}
      >
        <marker
          id={arrow}
          className="jp-Galley-graphArrow"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="8"
          markerHeight="8"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path d="M0,0 L8,4 L0,8 z" />
        </marker>
        {placed.edges.map(edge => (
          <path
            key={edgeKey(edge)}
            className={`jp-Galley-graphEdge${texts.get(edgeKey(edge))?.effect ? ' jp-mod-effect' : ''}${
              props.selectedEdge === edgeKey(edge) ? ' jp-mod-selected' : ''
            }`}
            d={edge.path}
            markerEnd={`url(#${arrow})`}
          />
        ))}
        {placed.nodes.map(node => (
          <Box
            key={node.name}
            placed={node}
            size={box}
            label={shown.get(node.name) ?? node.name}
            node={nodes.get(node.name)!}
            task={tasks.get(node.name)}
            selected={props.selected === node.name}
            onSelect={props.onSelect}
          />
        ))}
        {placed.edges.map(edge => (
          <Label
            key={edgeKey(edge)}
            edge={edge}
            text={texts.get(edgeKey(edge))}
            selected={props.selectedEdge === edgeKey(edge)}
            onSelect={props.onSelectEdge}
          />
        ))}
      </svg>
    </div>
  );
}

/** Scroll a box that is out of sight to the middle of its frame; the page stays where it is. */
function bring(frame: HTMLElement, at: IPlaced, size: { width: number; height: number }): void {
  const into = (from: number, length: number, start: number, room: number): number =>
    from < start || from + length > start + room ? from + length / 2 - room / 2 : start;
  frame.scrollTop = into(at.y, size.height, frame.scrollTop, frame.clientHeight);
  frame.scrollLeft = into(at.x, size.width, frame.scrollLeft, frame.clientWidth);
}

function roomFor(text: string): { width: number; height: number } | null {
  return text ? { width: text.length * LABEL.letter + LABEL.room, height: LABEL.height + 8 } : null;
}

function Label(props: {
  edge: IRouted;
  text: IEdgeText | undefined;
  selected: boolean;
  onSelect?: (edge: string) => void;
}): JSX.Element | null {
  const { edge, text, onSelect } = props;
  if (!text?.text || !edge.label) {
    return null;
  }
  const shown = middle(text.text, LONGEST_LABEL);
  const { width } = roomFor(shown)!;
  return (
    <foreignObject
      x={edge.label.x - width / 2 - 2}
      y={edge.label.y - LABEL.height / 2 - 2}
      width={width + 4}
      height={LABEL.height + 4}
    >
      <button
        type="button"
        className={`jp-Galley-graphLabel${text.effect ? ' jp-mod-effect' : ''}`}
        aria-pressed={props.selected}
        aria-label={text.aloud}
        title={text.aloud}
        onClick={() => onSelect?.(edgeKey(edge))}
      >
        {shown}
      </button>
    </foreignObject>
  );
}

function Box(props: {
  placed: IPlaced;
  size: { width: number; height: number };
  /** Its name, cut. */
  label: string;
  node: TaskNode & { title?: string };
  task: TaskTry | undefined;
  selected: boolean;
  onSelect?: (task: string) => void;
}): JSX.Element {
  const trans = useTrans();
  const { placed, node, task, onSelect, size } = props;
  const word = task ? tryWord(trans, task) : null;
  const progress = cellProgress(trans, task, node.cells ?? []);
  const share = task?.cells ? Math.min(1, (task.cell ?? 0) / task.cells) : 0;
  const choose = onSelect ? () => onSelect(node.name) : undefined;
  return (
    <foreignObject
      x={placed.x - 2}
      y={placed.y - 2}
      width={size.width + 4}
      height={size.height + 4}
    >
      <div
        className={`jp-Galley-graphBox jp-mod-${word?.tone ?? 'idle'}${props.selected ? ' jp-mod-selected' : ''}`}
        role={choose ? 'button' : 'group'}
        tabIndex={choose ? 0 : undefined}
        aria-pressed={choose ? props.selected : undefined}
        aria-label={`${node.name}: ${word?.text ?? ''} ${progress}`}
        title={node.title && node.title !== node.name ? `${node.title}\n${node.name}` : node.name}
        onClick={choose}
        onKeyDown={event => {
          if (choose && (event.key === 'Enter' || event.key === ' ')) {
            event.preventDefault();
            choose();
          }
        }}
      >
        <div className="jp-Galley-graphName">
          {word && <Glyph name={word.glyph} spin={word.tone === 'busy'} />}
          <span>{props.label}</span>
        </div>
        <div className="jp-Galley-graphState">
          {word?.text}
          {word && progress ? ' · ' : ''}
          {progress}
        </div>
        {task?.state === 'running' && (
          <div className="jp-Galley-graphMeter">
            <div style={{ width: `${share * 100}%` }} />
          </div>
        )}
      </div>
    </foreignObject>
  );
}

type Trans = ReturnType<typeof useTrans>;

/** How a task stands; what was taken over from another run or attempt was not executed here. */
function tryWord(trans: Trans, task: TaskTry): IWord {
  return task.reused_from || task.reused_run
    ? { text: trans.__('Unchanged'), tone: 'idle', glyph: 'check' }
    : taskWord(trans, task.state);
}

/** "cell 7 of 23", "cells 3–9", "23 cells", or nothing where it is not known. */
export function cellProgress(
  trans: Trans,
  task: TaskTry | undefined,
  planned: readonly number[]
): string {
  if (task?.state === 'running' && task.cells) {
    return trans.__('cell %1 of %2', Math.min((task.cell ?? 0) + 1, task.cells), task.cells);
  }
  if (task?.cells) {
    return trans._n('%1 cell', '%1 cells', task.cells);
  }
  if (planned.length === 0) {
    return '';
  }
  const ranges = cellRanges(planned);
  return planned.length === 1 ? trans.__('cell %1', ranges) : trans.__('cells %1', ranges);
}
