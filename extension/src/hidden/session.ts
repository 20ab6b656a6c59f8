/** The session of an open notebook: its kernel is asked what it holds, silently. */
import type { CodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Check, LiveState } from '../api/types';
import { executionChecks, ranCells, type ISessionCell } from './cells';

/** A session as the comparison needs it. */
export interface ILiveSession {
  /** Why the kernel cannot be asked now; null when it can. */
  refusal(): string | null;
  /** What the cells alone tell. */
  checks(): Check[];
  /** What the kernel holds beside the notebook as it stands.
   *
   * @param expression - Python, whose value is base64 of a JSON report.
   * @throws Error - the kernel did not answer with one.
   */
  state(expression: string): Promise<LiveState>;
}

interface IReport {
  snapshot: LiveState['snapshot'];
  history: string[] | null;
}

export class PanelSession implements ILiveSession {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly trans: TranslationBundle
  ) {}

  refusal(): string | null {
    const { trans } = this;
    const kernel = this.panel.sessionContext.session?.kernel;
    const language = this.panel.context.model.defaultKernelLanguage;
    if (!kernel) {
      return trans.__('No kernel is running for this notebook: there is no session to compare.');
    }
    if (language && language.toLowerCase() !== 'python') {
      return trans.__('Only Python sessions can be compared; this notebook’s is %1.', language);
    }
    switch (kernel.status) {
      case 'dead':
      case 'terminating':
        return trans.__('The kernel is dead: restart it and run the cells again.');
      case 'idle':
        return null;
      case 'busy':
        return trans.__('The kernel is busy: compare again when its cell has ended.');
      default:
        return trans.__('The kernel is not ready yet (%1): compare again later.', kernel.status);
    }
  }

  checks(): Check[] {
    return executionChecks(this.trans, this.cells());
  }

  async state(expression: string): Promise<LiveState> {
    const kernel = this.panel.sessionContext.session?.kernel;
    const model = this.panel.context.model;
    if (!kernel) {
      throw new Error(this.trans.__('The kernel is gone.'));
    }
    const cells = this.cells();
    const notebook = model.toJSON() as unknown as LiveState['notebook'];
    const { snapshot, history } = await evaluate(kernel, expression);
    return { snapshot, cells: ranCells(cells, history), notebook };
  }

  private cells(): ISessionCell[] {
    return Array.from(this.panel.context.model.cells).flatMap((cell, index) => {
      if (cell.type !== 'code') {
        return [];
      }
      const code = cell as CodeCellModel;
      const source = code.sharedModel.getSource();
      return [{ index, source, count: code.executionCount ?? null, edited: code.isDirty }];
    });
  }
}

/** The report of an expression; the request counts as no execution and leaves no name. */
async function evaluate(kernel: Kernel.IKernelConnection, expression: string): Promise<IReport> {
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    allow_stdin: false,
    user_expressions: { galley: expression }
  });
  const { content } = await future.done;
  if (content.status !== 'ok') {
    throw new Error(content.status === 'error' ? content.evalue : content.status);
  }
  const { galley } = content.user_expressions as unknown as Record<string, IExpressionReply>;
  return readReport(galley);
}

export interface IExpressionReply {
  status: string;
  data?: Record<string, unknown>;
  ename?: string;
  evalue?: string;
}

/** A report out of a kernel's reply: base64 in the quotes of Python.
 *
 * @throws Error - the kernel failed, or it is no report.
 */
export function readReport(reply: IExpressionReply | undefined): IReport {
  const text = reply?.data?.['text/plain'];
  if (reply?.status !== 'ok' || typeof text !== 'string') {
    throw new Error(reply?.evalue ? `${reply.ename ?? 'Error'}: ${reply.evalue}` : 'no report');
  }
  // Python has escaped everything that is not ASCII.
  return JSON.parse(atob(text.slice(1, -1))) as IReport;
}
