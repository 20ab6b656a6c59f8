/** The tasks of a pipeline as a graph, each with its state and its progress by cells. */
import * as React from 'react';
import type { TaskNode, TaskTry } from '../api/types';
import { middle } from '../format/names';
import { layout, type IPlaced } from '../model/graph';
import { taskWord, type IWord } from '../model/words';
import { useTrans } from './context';
import { Glyph } from './glyph';

const WIDTH = 190;
const HEIGHT = 58;
const GAP_X = 46;
const GAP_Y = 18;

export interface IGraphProps {
  graph: readonly TaskNode[];
  tasks?: readonly TaskTry[];
  selected?: string | null;
  onSelect?: (task: string) => void;
}

export function TaskGraph(props: IGraphProps): JSX.Element {
  const trans = useTrans();
  const nodes = props.graph.map(node => ({ name: node.name, upstream: node.upstream ?? [] }));
  const placed = layout(nodes);
  const width = placed.columns * (WIDTH + GAP_X) - GAP_X + 4;
  const height = placed.rows * (HEIGHT + GAP_Y) - GAP_Y + 4;
  const tasks = new Map((props.tasks ?? []).map(task => [task.name, task]));
  const cells = new Map(props.graph.map(node => [node.name, node.cells?.length ?? 0]));
  return (
    <div className="jp-Galley-graph">
      <svg
        width={Math.max(0, width)}
        height={Math.max(0, height)}
        role="group"
        aria-label={trans.__('Task graph')}
      >
        {placed.edges.map(({ from, to }) => (
          <path
            key={`${from.name}>${to.name}`}
            className="jp-Galley-graphEdge"
            d={curve(from, to)}
          />
        ))}
        {placed.nodes.map(node => (
          <Box
            key={node.name}
            node={node}
            task={tasks.get(node.name)}
            cells={cells.get(node.name) ?? 0}
            selected={props.selected === node.name}
            onSelect={props.onSelect}
          />
        ))}
      </svg>
    </div>
  );
}

function corner(node: IPlaced): { x: number; y: number } {
  return { x: node.column * (WIDTH + GAP_X) + 2, y: node.row * (HEIGHT + GAP_Y) + 2 };
}

function curve(from: IPlaced, to: IPlaced): string {
  const a = corner(from);
  const b = corner(to);
  const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2];
  const middleX = (x1 + x2) / 2;
  return `M${x1},${y1} C${middleX},${y1} ${middleX},${y2} ${x2},${y2}`;
}

function Box(props: {
  node: IPlaced;
  task: TaskTry | undefined;
  cells: number;
  selected: boolean;
  onSelect?: (task: string) => void;
}): JSX.Element {
  const trans = useTrans();
  const { node, task, onSelect } = props;
  const { x, y } = corner(node);
  const word: IWord | null = task ? taskWord(trans, task.state) : null;
  const progress = cellProgress(trans, task, props.cells);
  const share = task?.cells ? Math.min(1, (task.cell ?? 0) / task.cells) : 0;
  const choose = onSelect ? () => onSelect(node.name) : undefined;
  return (
    <foreignObject x={x - 2} y={y - 2} width={WIDTH + 4} height={HEIGHT + 4}>
      <div
        className={`jp-Galley-graphBox jp-mod-${word?.tone ?? 'idle'}${props.selected ? ' jp-mod-selected' : ''}`}
        role={choose ? 'button' : undefined}
        tabIndex={choose ? 0 : undefined}
        aria-pressed={choose ? props.selected : undefined}
        aria-label={`${node.name}: ${word?.text ?? ''} ${progress}`}
        title={node.name}
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
          <span>{middle(node.name, 18)}</span>
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

/** "cell 7 of 23", "23 cells", or nothing where it is not known. */
export function cellProgress(trans: Trans, task: TaskTry | undefined, planned: number): string {
  if (task?.state === 'running' && task.cells) {
    return trans.__('cell %1 of %2', Math.min((task.cell ?? 0) + 1, task.cells), task.cells);
  }
  const total = task?.cells ?? planned;
  return total ? trans._n('%1 cell', '%1 cells', total) : '';
}
