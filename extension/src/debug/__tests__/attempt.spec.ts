jest.mock('@jupyterlab/notebook', () => ({ NotebookActions: {} }));
jest.mock('@jupyterlab/apputils', () => ({ Notification: {} }));
jest.mock('../../lab/icons', () => ({}));

import { attemptOf } from '../plugin';

describe('attemptOf', () => {
  it('reads a command’s own arguments and the address of the standalone page', () => {
    const wanted = { run: 'r-1', attempt: 2, task: 'fit' };
    expect(attemptOf({ id: 'r-1', attempt: 2, task: 'fit' })).toEqual(wanted);
    expect(attemptOf({ search: '?galley-debug=r-1&attempt=2&task=fit' })).toEqual(wanted);
    expect(attemptOf({ search: '?galley-debug=r-1&attempt=1' })?.task).toBeNull();
  });

  it('takes nothing that names no attempt', () => {
    expect(attemptOf({ search: '?galley-debug=r-1&attempt=zero' })).toBeNull();
    expect(attemptOf({ search: '?attempt=1' })).toBeNull();
    expect(attemptOf({})).toBeNull();
  });
});
