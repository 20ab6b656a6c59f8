import * as React from 'react';
import { button, clear, draw, settle, stage } from '../../__tests__/galley';
import type { DebugPlan } from '../../api/types';
import { Resource } from '../../model/resource';
import { DebugDialog } from '../dialog';

// The notebook package needs a browser; the dialog does not.
jest.mock('@jupyterlab/notebook', () => ({ NotebookActions: {} }));

afterEach(clear);

const PLAN: DebugPlan = {
  folder: 'debug/r-1-fit',
  notebook: 'debug/r-1-fit/risk-v2.ipynb',
  exists: false,
  written: false,
  failed: 4,
  error: { ename: 'ValueError', evalue: 'x', message: 'cell 3: ValueError: x' },
  kernel: 'python3',
  same_environment: true,
  differences: [],
  unreadable: [],
  missing: []
};

async function show(changes: Partial<DebugPlan>) {
  const plan = new Resource<DebugPlan>(() => Promise.resolve({ ...PLAN, ...changes }));
  await plan.refresh();
  const asked: boolean[] = [];
  const opened: DebugPlan[] = [];
  await draw(
    stage().galley,
    <DebugDialog
      plan={plan}
      write={replace => {
        asked.push(replace);
        return Promise.resolve({ ...PLAN, written: true });
      }}
      open={one => void opened.push(one)}
      onClose={() => undefined}
    />
  );
  return { asked, opened, text: document.querySelector('dialog')!.textContent };
}

describe('DebugDialog', () => {
  it('writes only when asked, and opens what it wrote', async () => {
    const { asked, opened, text } = await show({});
    expect(text).toContain('every package at the version that the run had');
    expect(asked).toEqual([]);
    await settle(() => button('Open the notebook').click());
    expect(asked).toEqual([false]);
    expect(opened[0].written).toBe(true);
  });

  it('names what differs and what cannot be read, before anything is written', async () => {
    const { text } = await show({
      same_environment: false,
      differences: [
        { name: 'pandas', run: '2.2.0', here: '3.1.0' },
        { name: 'gone', run: '1.0', here: null }
      ],
      unreadable: [{ path: '/datasets/secret', why: 'you may not read it' }],
      missing: ['What its tasks handed to each other is not kept.']
    });
    for (const part of ['2 packages', 'pandas2.2.03.1.0', 'not installed', '/datasets/secret']) {
      expect(text).toContain(part);
    }
    expect(text).toContain('handed to each other');
  });

  it('never writes over an earlier session unasked', async () => {
    const { asked, opened, text } = await show({ exists: true });
    expect(text).toContain('You have debugged this before');
    await settle(() => button('Open what is there').click());
    expect([asked, opened.length]).toEqual([[], 1]);
    await settle(() => button('Write it anew').click());
    expect(asked).toEqual([true]);
  });
});
