import { plan, proof, task } from '../../__tests__/plans';
import type { Evidence } from '../../api/types';
import {
  arrangement,
  cellRanges,
  edgesOf,
  identifier,
  merge,
  movable,
  move,
  named,
  oneTask,
  rename,
  seenIn
} from '../split';

const layout = arrangement(plan());
const cells = (one: typeof layout) => one.tasks.map(each => each.cells);

describe('an arrangement', () => {
  it('is what was wished, or the tasks where nobody wished', () => {
    const merged = plan({ tasks: [task('load', [0, 1, 2, 3, 4, 5])] });
    expect(arrangement(merged).tasks).toHaveLength(3);
    expect(arrangement(plan({ wished: null })).tasks.map(one => one.name)).toEqual([
      'load',
      'clean',
      'train'
    ]);
  });

  it('merges a task with the next one under the name of the first', () => {
    const merged = merge(layout, 1);
    expect(merged.tasks.map(one => one.name)).toEqual(['load', 'clean']);
    expect(cells(merged)).toEqual([
      [0, 1, 2],
      [3, 4, 5]
    ]);
    expect(cells(oneTask(layout))).toEqual([[0, 1, 2, 3, 4, 5]]);
  });

  it('moves a boundary by a cell, and never takes the last one', () => {
    expect(movable(layout, 0)).toEqual({ up: 2, down: 3 });
    expect(cells(move(layout, 0, 'up'))).toEqual([[0, 1], [2, 3, 4], [5]]);
    expect(cells(move(layout, 0, 'down'))).toEqual([[0, 1, 2, 3], [4], [5]]);
    expect(movable(layout, 1)).toEqual({ up: 4, down: null });
    expect(cells(layout)).toEqual([[0, 1, 2], [3, 4], [5]]);
  });

  it('gives a renamed task an identifier of its own', () => {
    const renamed = rename(layout, 1, ' Lädt Daten! ');
    expect(renamed.tasks[1]).toMatchObject({ name: 'ladt_daten', title: 'Lädt Daten!' });
    expect(rename(layout, 1, 'Load').tasks[1].name).toBe('load_2');
    expect(rename(layout, 1, 'clean').tasks[1].name).toBe('clean');
    expect(identifier('第一步')).toBe('task');
    expect(identifier('2. Train')).toBe('train');
  });
});

describe('edgesOf', () => {
  it('tells variables from an order alone', () => {
    const edges = edgesOf(plan());
    expect(edges.map(edge => [edge.from, edge.to, edge.variables.length, edge.effect])).toEqual([
      ['load', 'clean', 1, false],
      ['clean', 'train', 2, false],
      ['load', 'train', 0, true]
    ]);
  });

  it('takes types and sizes from a rehearsal', () => {
    expect(edgesOf(plan())[0].variables[0]).toMatchObject({ type: null, size: null });
    const snapshot = {
      cell: 5,
      names: {
        df: { type: 'pandas.DataFrame', form: '', size: 2048, summary: '16 × 16 float64' },
        X: { type: 'numpy.ndarray', form: '', size: 8, summary: '1 float64' }
      },
      aliases: [],
      states: {}
    };
    const [toClean, toTrain] = edgesOf(
      plan(),
      seenIn({ proof: proof(), snapshot } as unknown as Evidence)
    );
    expect(toClean.variables[0]).toMatchObject({
      type: 'pandas.DataFrame',
      size: 2048,
      summary: '16 × 16 float64'
    });
    expect(toTrain.variables.map(one => one.type)).toEqual(['numpy.ndarray', null]);
    // It was larger at the boundary than at the end: the summary is of something else.
    const grown = { ...snapshot.names.df, size: 4096 };
    const other = { proof: proof(), snapshot: { ...snapshot, names: { df: grown } } };
    const seen = seenIn(other as unknown as Evidence);
    expect(edgesOf(plan(), seen)[0].variables[0]).toMatchObject({ size: 2048, summary: '' });
  });

  it('names the state that two tasks share', () => {
    const [a, b] = [task('a', [0], { states: ['random', 'torch'] }), task('b', [1])];
    const shared = plan({ tasks: [a, { ...b, upstream: ['a'], states: ['random'] }] });
    expect(edgesOf(shared)[0].states).toEqual(['random']);
  });
});

it('writes cells as people count them', () => {
  expect(cellRanges([0, 1, 2, 5, 7, 8])).toBe('1–3, 6, 8–9');
  expect(cellRanges([])).toBe('');
});

it('calls a single task like the pipeline', () => {
  expect(named([{ name: 'all' }], 'risk-score')).toEqual([{ name: 'risk_score' }]);
  expect(named([{ name: 'a' }, { name: 'b' }], 'risk')).toHaveLength(2);
  expect(named([{ name: 'all' }], undefined)).toEqual([{ name: 'all' }]);
});
