import { layout } from '../graph';

const node = (name: string, ...upstream: string[]) => ({ name, upstream });

describe('layout', () => {
  it('puts a task behind the longest way to it', () => {
    const placed = layout([node('a'), node('b', 'a'), node('c', 'a', 'b')]);
    expect(placed.nodes.map(one => [one.name, one.column, one.row])).toEqual([
      ['a', 0, 0],
      ['b', 1, 0],
      ['c', 2, 0]
    ]);
    expect(placed.edges).toHaveLength(3);
    expect([placed.columns, placed.rows]).toEqual([3, 1]);
  });

  it('gives neighbours rows of their own', () => {
    const placed = layout([node('a'), node('b', 'a'), node('c', 'a')]);
    expect(new Set(placed.nodes.map(one => `${one.column}/${one.row}`)).size).toBe(3);
    expect(placed.rows).toBe(2);
  });

  it('survives a cycle and an upstream that does not exist', () => {
    const placed = layout([node('a', 'b'), node('b', 'a'), node('c', 'gone')]);
    expect(placed.nodes).toHaveLength(3);
    expect(layout([])).toEqual({ nodes: [], edges: [], columns: 0, rows: 0 });
  });
});
