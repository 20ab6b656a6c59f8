/** The open notebook as publishing sees it: whether it can go, its cells, its way back to a cell. */
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { fileName } from './draft';

export interface ICell {
  cell_type: string;
  source: string;
}

export interface INotebookState {
  path: string;
  cells: ICell[];
  readOnly: boolean;
}

/** Why a notebook cannot be published at all; null when it can. */
export function refuse(trans: TranslationBundle, notebook: INotebookState): string | null {
  const name = fileName(notebook.path);
  if (/^untitled\d*$/i.test(name)) {
    return trans.__(
      '“%1.ipynb” has no name of its own yet. Rename it first: the pipeline remembers its notebook by it.',
      name
    );
  }
  if (!notebook.cells.some(cell => cell.cell_type === 'code' && cell.source.trim())) {
    return trans.__('“%1” has no code yet: there is nothing to run.', name);
  }
  return null;
}

export function stateOf(panel: NotebookPanel): INotebookState {
  return {
    path: panel.context.localPath,
    cells: cellsOf(panel),
    readOnly: panel.context.model.readOnly
  };
}

export function cellsOf(panel: NotebookPanel): ICell[] {
  const cells = panel.content.model?.cells;
  return Array.from(cells ?? [], cell => ({
    cell_type: cell.type,
    source: cell.sharedModel.getSource()
  }));
}

/** Save it, as it would be with Ctrl+S.
 *
 * @throws Error - it cannot be saved.
 */
export async function save(trans: TranslationBundle, panel: NotebookPanel): Promise<void> {
  const { context } = panel;
  if (!context.model.dirty) {
    return;
  }
  if (context.model.readOnly) {
    throw new Error(trans.__('The notebook is read-only and has changes that are not saved.'));
  }
  await context.save();
  if (context.model.dirty) {
    throw new Error(trans.__('The notebook could not be saved.'));
  }
}

/** Show a cell by its index over all cells, counted from 0. */
export async function goToCell(panel: NotebookPanel, index: number): Promise<void> {
  const { content } = panel;
  if (index < 0 || index >= content.widgets.length) {
    return;
  }
  content.activeCellIndex = index;
  content.deselectAll();
  await content.scrollToItem(index, 'center');
  panel.activate();
}

const TAG = 'parameters';

/** Tag a cell as the one that holds the parameters, or take that tag away again. */
export function tagParameters(panel: NotebookPanel, index: number, on: boolean): void {
  const cell = panel.content.model?.cells.get(index);
  if (!cell) {
    return;
  }
  const tags = (cell.getMetadata('tags') as string[] | undefined) ?? [];
  const others = tags.filter(tag => tag !== TAG);
  if (on) {
    cell.setMetadata('tags', [...others, TAG]);
  } else if (others.length > 0) {
    cell.setMetadata('tags', others);
  } else {
    cell.deleteMetadata('tags');
  }
}
