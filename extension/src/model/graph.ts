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
  /** An SVG path. */
  path: string;
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
  /** Width that is there for a layout downwards: a wider or longer one becomes a spine. */
  room?: number;
}

/** More boxes than this are read more easily one below the other. */
const MOST_LAYERED = 8;

/** Downwards in layers while that fits, else in one column; to the right always in layers. */
export function arrange(graph: readonly IGraphNode[], sizes: ISizes): ILayout {
  const layered = layout(graph, sizes);
  const fits = graph.length <= MOST_LAYERED && layered.width <= (sizes.room ?? Infinity);
  return sizes.direction === 'right' || fits ? layered : spine(graph, sizes);
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
      return { from: v, to: w, path: smooth(edge.points), label };
    }),
    width: width ?? 0,
    height: height ?? 0
  };
}

/** Of a spine: what lies between boxes, between lanes, and how round corners are, in pixels. */
const SPINE = { gap: 22, labelled: 36, lane: 14, margin: 4, round: 7, port: 9 };

/** One column in the given order; edges that pass a box run in lanes beside the column. */
export function spine(graph: readonly IGraphNode[], sizes: ISizes): ILayout {
  const { box, label } = sizes;
  const { margin, round, port } = SPINE;
  const pitch = box.height + (label ? SPINE.labelled : SPINE.gap);
  const rows = new Map(graph.map((node, row) => [node.name, row]));
  const nodes = graph.map(({ name }, row) => ({ name, x: margin, y: margin + row * pitch }));
  const found = graph.flatMap((node, to) =>
    [...new Set(node.upstream)].flatMap(name => {
      const from = rows.get(name);
      const room = label?.(name, node.name) ?? null;
      return from === undefined || from === to ? [] : [{ from, to, room }];
    })
  );
  const long = found.filter(edge => Math.abs(edge.to - edge.from) > 1);
  const lanes = lanesOf(long);
  const right = margin + box.width;
  const widths: number[] = [];
  for (const [edge, lane] of lanes) {
    widths[lane] = Math.max(widths[lane] ?? SPINE.lane, (edge.room?.width ?? 0) + 4);
  }
  const begins = widths.map((_, at) => widths.slice(0, at).reduce((sum, one) => sum + one, 0));
  const used = widths.reduce((sum, one) => sum + one, 0);
  const edges = found.map((edge): IRouted => {
    const { from, to, room } = edge;
    const names = { from: graph[from].name, to: graph[to].name };
    const lane = lanes.get(edge);
    if (lane === undefined) {
      const x = margin + box.width / 2;
      const [top, bottom] = to > from ? [from, to] : [to, from];
      const ends = [nodes[top].y + box.height, nodes[bottom].y];
      const [start, end] = to > from ? ends : [ends[1], ends[0]];
      const middle = { x, y: (start + end) / 2 };
      return { ...names, path: `M${x},${start} L${x},${end}`, label: room && middle };
    }
    const x = right + 10 + begins[lane] + widths[lane] / 2;
    const start = nodes[from].y + box.height / 2 + port;
    const end = nodes[to].y + box.height / 2 - port;
    const turn = end > start ? round : -round;
    const path =
      `M${right},${start} H${x - round} Q${x},${start} ${x},${start + turn} ` +
      `V${end - turn} Q${x},${end} ${x - round},${end} H${right}`;
    return { ...names, path, label: room && { x, y: (start + end) / 2 } };
  });
  return {
    nodes,
    edges,
    width: right + (used ? 10 + used : 0) + margin,
    height: graph.length ? graph.length * pitch - (pitch - box.height) + 2 * margin : 0
  };
}

/** A lane for each edge, the shortest ones nearest to the column, none over another. */
function lanesOf<E extends { from: number; to: number }>(edges: readonly E[]): Map<E, number> {
  const taken: [number, number][][] = [];
  const lanes = new Map<E, number>();
  const span = (edge: E): [number, number] => [
    Math.min(edge.from, edge.to),
    Math.max(edge.from, edge.to)
  ];
  const length = (edge: E): number => span(edge)[1] - span(edge)[0];
  for (const edge of [...edges].sort((a, b) => length(a) - length(b))) {
    const [top, bottom] = span(edge);
    let lane = 0;
    while (taken[lane]?.some(([first, last]) => top < last && first < bottom)) {
      lane += 1;
    }
    (taken[lane] ??= []).push([top, bottom]);
    lanes.set(edge, lane);
  }
  return lanes;
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
