/** The cell of a notebook at which a run failed, and running what is above it. */
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import { goToCell } from '../publish/notebook';

const TAG = 'galley-failed';

/** Index over all cells; -1 where none is marked. */
export function failedCell(panel: NotebookPanel): number {
  const cells = Array.from(panel.content.model?.cells ?? []);
  return cells.findIndex(cell => {
    const tags = cell.getMetadata('tags') as unknown;
    return Array.isArray(tags) && tags.includes(TAG);
  });
}

/** Run the cells above the failed one and go to it; whether all of them passed. */
export async function runToFailed(panel: NotebookPanel): Promise<boolean> {
  await panel.context.ready;
  await panel.sessionContext.ready;
  const index = failedCell(panel);
  if (index < 0) {
    return false;
  }
  panel.content.activeCellIndex = index;
  panel.content.deselectAll();
  const passed = await NotebookActions.runAllAbove(panel.content, panel.sessionContext);
  if (passed) {
    await goToCell(panel, index);
  }
  return passed;
}
