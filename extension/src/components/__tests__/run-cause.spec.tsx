import * as React from 'react';
import { clear, draw, settle, stage } from '../../__tests__/galley';
import { run } from '../../__tests__/samples';
import { RunCause } from '../run-cause';

afterEach(clear);

async function show(detail: Record<string, unknown> | null) {
  const scene = stage();
  const cause = detail && { id: 't-1', name: 'nightly', detail };
  const box = await draw(scene.galley, <RunCause detail={run({ cause }).cause?.detail} />);
  return { ...scene, box };
}

describe('RunCause', () => {
  it('leads to the runs upstream', async () => {
    const { box, went } = await show({ upstream: { orders: 'r-7', stock: 'r-8' } });
    expect(box.textContent).toBe('after orders, stock');
    await settle(() => box.querySelectorAll('a')[1].click());
    expect(went).toEqual([{ kind: 'run', id: 'r-8' }]);
  });

  it('names the file with its versions, and the request', async () => {
    const { box } = await show({ url: '/datasets/in/a.csv', old: 'one', new: 'two' });
    expect(box.textContent).toBe('a new version of /datasets/in/a.csv');
    expect(box.querySelector('[title="one → two"]')).not.toBeNull();
    await clear();
    expect((await show({ request: 'abcdef' })).box.textContent).toBe('request abcdef');
  });

  it('says nothing about other runs', async () => {
    expect((await show(null)).box.textContent).toBe('');
  });
});
