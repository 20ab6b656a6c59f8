import { layout, smooth, type ISizes } from '../graph';

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

  it('lets no box cover another, nor an edge that passes it', () => {
    const { nodes, edges } = layout(
      [node('a'), node('b', 'a'), node('c', 'b'), node('d', 'c', 'a')],
      down
    );
    const boxes = new Map(nodes.map(one => [one.name, one]));
    expect(new Set(nodes.map(one => `${one.x}/${one.y}`)).size).toBe(4);
    const long = edges.find(edge => edge.from === 'a' && edge.to === 'd')!;
    for (const name of ['b', 'c']) {
      const box = boxes.get(name)!;
      const inside = long.points.some(
        ({ x, y }) => x > box.x && x < box.x + 100 && y > box.y && y < box.y + 40
      );
      expect(inside).toBe(false);
    }
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
