import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage } from '../../__tests__/galley';
import type { Action, Pipeline, Trigger } from '../../api/types';
import { Triggers } from '../triggers';

afterEach(clear);

const PATH = 'tenants/oncology/pipelines/risk/triggers';
const PIPELINE = { tenant: 'oncology', slug: 'risk' } as Pipeline;

function trigger(changes: Partial<Trigger> = {}): Trigger {
  return {
    id: 't-1',
    tenant: 'oncology',
    pipeline: 'risk',
    name: 'nightly',
    source: { type: 'upstream', pipelines: ['orders', 'stock'] },
    parameters: {},
    paused: false,
    paused_by: null,
    hook: null,
    watch: null,
    last_fired: null,
    since: '2026-11-20T09:00:00Z',
    set_by: 'olga',
    ...changes
  };
}

async function show(items: Trigger[], who: { actions?: Action[]; decidesHere?: boolean } = {}) {
  const scene = stage(
    {
      [`GET ${PATH}`]: { items },
      [`POST ${PATH}/nightly/pause`]: items[0],
      [`POST ${PATH}/nightly/resume`]: items[0]
    },
    { actions: ['read', 'operate'], ...who }
  );
  const box = await draw(scene.galley, <Triggers pipeline={PIPELINE} />);
  return { ...scene, box };
}

describe('Triggers', () => {
  it('says what each waits for', async () => {
    const { box } = await show([
      trigger(),
      trigger({
        id: 't-2',
        name: 'landing',
        source: { type: 'file', url: '/datasets/in/a.csv', interval_s: 60 },
        watch: {
          version: null,
          polled_at: null,
          next_poll: '2026-11-20T09:00:00Z',
          failures: 2,
          error: 'the bucket is away'
        }
      }),
      trigger({ id: 't-3', name: 'ci', source: { type: 'webhook' }, hook: '/hooks/t-3' })
    ]);
    expect(box.textContent).toContain('the success of orders, stock');
    expect(box.textContent).toContain('/datasets/in/a.csv');
    expect(box.textContent).toContain('Cannot look');
    expect(box.textContent).toContain('the bucket is away');
    expect(box.textContent).toContain('a signed request');
  });

  it('pauses, and resumes what is paused', async () => {
    const { transport } = await show([trigger()]);
    await settle(() => button('Pause').click());
    expect(transport.asked.map(one => one.path)).toContain(`${PATH}/nightly/pause`);
    await clear();
    const again = await show([trigger({ paused: true, paused_by: 'olga' })]);
    expect(again.box.textContent).toContain('Paused by olga');
    await settle(() => button('Resume').click());
    expect(again.transport.asked.map(one => one.path)).toContain(`${PATH}/nightly/resume`);
  });

  it('opens Galley’s own window from the lab, and refuses readers with the reason', async () => {
    const { opened, transport } = await show([trigger()], { decidesHere: false });
    await settle(() => button('Pause…').click());
    expect(opened).toEqual([
      { kind: 'pipeline', tenant: 'oncology', slug: 'risk', tab: 'settings' }
    ]);
    expect(transport.asked.filter(one => one.method === 'POST')).toEqual([]);
    await clear();
    await show([trigger()], { actions: ['read'] });
    expect(reasonOf('Pause')).toContain('do not allow pausing');
  });
});
