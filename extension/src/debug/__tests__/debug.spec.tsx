import * as React from 'react';
import { button, clear, draw, settle, stage } from '../../__tests__/galley';
import { Problem } from '../../api/problem';
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

async function show(changes: Partial<DebugPlan>, made?: Partial<DebugPlan>) {
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
      make={() =>
        made
          ? Promise.resolve({ ...PLAN, ...changes, ...made })
          : Promise.reject(new Problem('the index does not answer', 503, 'unavailable'))
      }
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

  it('makes the environment of the run when asked, and then it is the same', async () => {
    const differs = {
      same_environment: false,
      can_make: true,
      differences: [{ name: 'pandas', run: '2.2.0', here: '3.1.0' }]
    };
    const { asked } = await show(differs, {
      same_environment: true,
      can_make: false,
      differences: []
    });
    await settle(() => button('Make its environment').click());
    const text = document.querySelector('dialog')!.textContent;
    expect(text).toContain('every package at the version that the run had');
    expect(text).not.toContain('Make its environment');
    expect(asked).toEqual([]);
    await clear();
    await show(differs);
    await settle(() => button('Make its environment').click());
    expect(document.querySelector('[role=alert]')!.textContent).toContain('does not answer');
    expect(document.querySelector('dialog')!.textContent).toContain('pandas');
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
