/** Where the boxes of a task graph go: one column per level, edges from left to right. */

export interface IGraphNode {
  name: string;
  upstream: readonly string[];
}

export interface IPlaced {
  name: string;
  column: number;
  row: number;
}

export interface ILayout {
  nodes: IPlaced[];
  edges: { from: IPlaced; to: IPlaced }[];
  columns: number;
  rows: number;
}

/** A layered layout: the column is the longest path to the node, the row follows its parents. */
export function layout(graph: readonly IGraphNode[]): ILayout {
  const byName = new Map(graph.map(node => [node.name, node]));
  const levels = new Map<string, number>();
  const level = (name: string, path: Set<string>): number => {
    const known = levels.get(name);
    if (known !== undefined) {
      return known;
    }
    const parents = (byName.get(name)?.upstream ?? []).filter(
      parent => byName.has(parent) && !path.has(parent)
    );
    const below = new Set(path).add(name);
    const value = parents.length ? Math.max(...parents.map(parent => level(parent, below))) + 1 : 0;
    levels.set(name, value);
    return value;
  };
  const columns: string[][] = [];
  for (const node of graph) {
    (columns[level(node.name, new Set())] ??= []).push(node.name);
  }
  const placed = new Map<string, IPlaced>();
  columns.forEach((names, column) => {
    const wanted = (name: string): number => {
      const rows = (byName.get(name)?.upstream ?? []).flatMap(
        parent => placed.get(parent)?.row ?? []
      );
      return rows.length ? rows.reduce((sum, row) => sum + row, 0) / rows.length : 0;
    };
    const sorted = names
      .map((name, order) => ({ name, order, wanted: wanted(name) }))
      .sort((a, b) => a.wanted - b.wanted || a.order - b.order);
    sorted.forEach(({ name }, row) => placed.set(name, { name, column, row }));
  });
  const nodes = graph.flatMap(node => placed.get(node.name) ?? []);
  return {
    nodes,
    edges: nodes.flatMap(to =>
      (byName.get(to.name)?.upstream ?? []).flatMap(parent => {
        const from = placed.get(parent);
        return from ? [{ from, to }] : [];
      })
    ),
    columns: columns.length,
    rows: Math.max(0, ...columns.map(names => names.length))
  };
}
