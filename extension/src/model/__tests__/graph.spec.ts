import { arrange, layout, smooth, spine, type ISizes } from '../graph';

const node = (name: string, ...upstream: string[]) => ({ name, upstream });
const down: ISizes = { direction: 'down', box: { width: 100, height: 40 } };
const right: ISizes = { ...down, direction: 'right' };

describe('layout', () => {
  it('puts a task behind the longest way to it', () => {
    const graph = [node('a'), node('b', 'a'), node('c', 'a', 'b')];
    const [a, b, c] = layout(graph, right).nodes;
    expect(a.x + 100).toBeLessThan(b.x);
    expect(b.x + 100).toBeLessThan(c.x);
    const [first, second, third] = layout(graph, down).nodes;
    expect(first.y + 40).toBeLessThan(second.y);
    expect(second.y + 40).toBeLessThan(third.y);
    expect(layout(graph, down).edges).toHaveLength(3);
  });

  it('keeps room for labels where they are asked for', () => {
    const graph = [node('a'), node('b', 'a')];
    const [bare] = layout(graph, down).edges;
    const [labelled] = layout(graph, { ...down, label: () => ({ width: 80, height: 30 }) }).edges;
    expect(bare.label).toBeNull();
    expect(labelled.label!.y).toBeGreaterThan(44);
    expect(layout(graph, { ...down, label: () => null }).nodes).toHaveLength(2);
  });

  it('survives a cycle and an upstream that does not exist', () => {
    const placed = layout([node('a', 'b'), node('b', 'a'), node('c', 'gone', 'c')], down);
    expect(placed.nodes).toHaveLength(3);
    expect(placed.edges).toHaveLength(2);
    expect(layout([], down)).toEqual({ nodes: [], edges: [], width: 0, height: 0 });
  });
});

describe('spine', () => {
  const graph = [node('a'), node('b', 'a'), node('c', 'a', 'b'), node('d', 'b'), node('e', 'a')];

  it('keeps the order, one below the other, and leads long edges around the boxes', () => {
    const { nodes, edges, width } = spine(graph, down);
    expect(nodes.map(one => one.name)).toEqual(['a', 'b', 'c', 'd', 'e']);
    nodes.slice(1).forEach((one, at) => expect(one.y).toBeGreaterThanOrEqual(nodes[at].y + 40));
    const lane = (from: string, to: string): number => {
      const path = edges.find(edge => edge.from === from && edge.to === to)!.path;
      return Number(/Q([\d.]+),/.exec(path)?.[1] ?? 0);
    };
    expect(lane('a', 'b')).toBe(0);
    for (const [from, to] of ['ac', 'bd', 'ae']) {
      expect(lane(from, to)).toBeGreaterThan(104);
      expect(lane(from, to)).toBeLessThan(width);
    }
    // All three pass the row of c.
    expect(new Set([lane('a', 'c'), lane('b', 'd'), lane('a', 'e')]).size).toBe(3);
  });

  it('takes over where layers do not fit', () => {
    expect(arrange(graph, { ...down, room: 1000 })).toEqual(layout(graph, down));
    expect(arrange(graph, { ...down, room: 50 })).toEqual(spine(graph, down));
    expect(arrange(graph, { ...right, room: 50 })).toEqual(layout(graph, right));
    const many = Array.from({ length: 20 }, (_, at) => node(`t${at}`, `t${at - 1}`));
    expect(new Set(arrange(many, { ...down, room: 1000 }).nodes.map(one => one.x)).size).toBe(1);
  });
});

describe('smooth', () => {
  it('begins and ends where the edge does', () => {
    const points = [
      { x: 0, y: 0 },
      { x: 10, y: 5 },
      { x: 20, y: 40 }
    ];
    expect(smooth(points)).toBe('M0,0 Q10,5 20,40');
    expect(smooth([...points, { x: 30, y: 60 }])).toBe('M0,0 Q10,5 15,22.5 Q20,40 30,60');
    expect(smooth(points.slice(0, 2))).toBe('M0,0 L10,5');
    expect(smooth([])).toBe('');
  });
});
