/** Where the boxes, edges and labels of a task graph go: layered, downwards or to the right. */
import { graphlib, layout as place } from '@dagrejs/dagre';

export interface IGraphNode {
  name: string;
  upstream: readonly string[];
}

export interface IPoint {
  x: number;
  y: number;
}

/** A box; x and y are its upper left corner. */
export interface IPlaced extends IPoint {
  name: string;
}

export interface IRouted {
  from: string;
  to: string;
  points: IPoint[];
  /** The middle of the room that was asked for its label; null where none was. */
  label: IPoint | null;
}

export interface ILayout {
  nodes: IPlaced[];
  edges: IRouted[];
  width: number;
  height: number;
}

export interface ISizes {
  direction: 'down' | 'right';
  box: { width: number; height: number };
  /** Room for the label of an edge; null for none. */
  label?: (from: string, to: string) => { width: number; height: number } | null;
}

/** A layered layout; upstreams that do not exist are left out, cycles are survived. */
export function layout(graph: readonly IGraphNode[], sizes: ISizes): ILayout {
  const { direction, box, label } = sizes;
  const down = direction === 'down';
  const drawn = new graphlib.Graph();
  drawn.setGraph({
    rankdir: down ? 'TB' : 'LR',
    nodesep: down ? 22 : 18,
    edgesep: 12,
    ranksep: label ? 14 : down ? 30 : 46,
    marginx: 4,
    marginy: 4
  });
  const known = new Set(graph.map(node => node.name));
  for (const node of graph) {
    drawn.setNode(node.name, { ...box });
  }
  for (const node of graph) {
    for (const parent of new Set(node.upstream)) {
      if (known.has(parent) && parent !== node.name) {
        drawn.setEdge(parent, node.name, { ...label?.(parent, node.name), labelpos: 'c' });
      }
    }
  }
  if (graph.length === 0) {
    return { nodes: [], edges: [], width: 0, height: 0 };
  }
  place(drawn);
  const { width, height } = drawn.graph();
  return {
    nodes: graph.map(({ name }) => {
      const { x, y } = drawn.node(name);
      return { name, x: x - box.width / 2, y: y - box.height / 2 };
    }),
    edges: drawn.edges().map(({ v, w }) => {
      const edge = drawn.edge(v, w) as { points: IPoint[]; x?: number; y?: number };
      const label = edge.x === undefined ? null : { x: edge.x, y: edge.y ?? 0 };
      return { from: v, to: w, points: edge.points, label };
    }),
    width: width ?? 0,
    height: height ?? 0
  };
}

/** A smooth path through the points of an edge: quadratic curves that meet in their middles. */
export function smooth(points: readonly IPoint[]): string {
  const [first, ...rest] = points;
  if (!first || rest.length === 0) {
    return '';
  }
  const last = rest[rest.length - 1];
  const middles = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1];
    const end = next === last ? last : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    return `Q${text(point)} ${text(end)}`;
  });
  return [`M${text(first)}`, ...(middles.length ? middles : [`L${text(last)}`])].join(' ');
}

function text({ x, y }: IPoint): string {
  return `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
}
