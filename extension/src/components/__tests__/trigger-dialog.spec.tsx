import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage, type } from '../../__tests__/galley';
import type { Action, Pipeline, Trigger } from '../../api/types';
import { Triggers } from '../triggers';

afterEach(clear);

const BASE = 'tenants/oncology/pipelines/risk';
const PATH = `${BASE}/triggers`;
const PIPELINE = {
  tenant: 'oncology',
  slug: 'risk',
  name: 'Risk score',
  live_version: 2,
  latest_version: 2
} as Pipeline;
const VERSION = {
  number: 2,
  analysis: { parameters: { required: [], properties: { day: { type: 'string' } } } }
};
const HOOK: Trigger = {
  id: 't-3',
  tenant: 'oncology',
  pipeline: 'risk',
  name: 'webhook',
  source: { type: 'webhook' },
  parameters: {},
  paused: false,
  paused_by: null,
  hook: '/hooks/t-3',
  watch: null,
  last_fired: null,
  since: '2026-11-20T09:00:00Z',
  set_by: 'olga'
};
const FILE: Trigger = {
  ...HOOK,
  name: 'landing',
  hook: null,
  source: { type: 'file', url: '/datasets/in/a.csv', interval_s: 60 },
  parameters: { day: '{{ logical_date | date }}' },
  last_fired: '2026-11-20T09:00:00Z'
};

async function show(items: Trigger[], answers: Record<string, unknown> = {}, actions?: Action[]) {
  const scene = stage(
    {
      [`GET ${PATH}`]: { items },
      [`GET ${BASE}/versions?limit=100`]: { items: [VERSION] },
      'GET tenants/oncology/pipelines?limit=50': {
        items: [
          { slug: 'orders', name: 'Orders' },
          { slug: 'risk', name: 'Risk score' }
        ]
      },
      ...answers
    },
    { actions: actions ?? ['read', 'operate'] }
  );
  const box = await draw(scene.galley, <Triggers pipeline={PIPELINE} />);
  const sent = (method: string) => scene.transport.asked.filter(one => one.method === method);
  return { ...scene, box, sent };
}

function field(label: string): HTMLInputElement {
  const found = [...document.querySelectorAll('dialog label')].find(one =>
    one.textContent?.startsWith(label)
  ) as HTMLLabelElement;
  return document.getElementById(found.htmlFor) as HTMLInputElement;
}

async function choose(label: string): Promise<void> {
  const found = [...document.querySelectorAll('dialog label')].find(
    one => one.textContent === label
  );
  await settle(() => found!.querySelector('input')!.click());
}

const dialog = (): string => document.querySelector('dialog')?.textContent ?? '';

describe('TriggerDialog', () => {
  it('adds one that waits for pipelines, named after the first', async () => {
    const { sent, told } = await show([], {
      [`POST ${PATH}`]: { trigger: { ...HOOK, name: 'after-orders' } }
    });
    await settle(() => button('Add a trigger…').click());
    expect(reasonOf('Add the trigger')).toContain('which pipelines');
    expect([...document.querySelectorAll('option')].map(one => one.value)).toEqual(['orders']);
    await type(field('After the success of'), 'orders');
    await settle(() => button('Add').click());
    expect(field('Name').value).toBe('after-orders');
    await type(field('day'), '{{ logical_date | date }}');
    await type(field('Deadline'), '10');
    await settle(() => button('Add the trigger').click());
    expect(sent('POST').map(one => one.body)).toEqual([
      {
        name: 'after-orders',
        source: { type: 'upstream', pipelines: ['orders'] },
        parameters: { day: '{{ logical_date | date }}' },
        deadline_s: 600
      }
    ]);
    expect(told).toEqual(['The trigger after-orders is on']);
    expect(document.querySelector('dialog')).toBeNull();
  });

  it('tells a refusal at its field, and a bad pause before it is sent', async () => {
    const refusal = { detail: 'it is in no dataset of this tenant', field: 'source.url' };
    const { transport } = await show([]);
    transport.refusals[`POST ${PATH}`] = refusal;
    await settle(() => button('Add a trigger…').click());
    await choose('A file, object or table');
    await type(field('File'), '/etc/passwd');
    await type(field('Pause'), '3');
    expect(dialog()).toContain('From 10 to 86400 seconds.');
    expect(reasonOf('Add the trigger')).toContain('see its field');
    await type(field('Pause'), '30');
    await settle(() => button('Add the trigger').click());
    const at = field('File').closest('.jp-Galley-field');
    expect(at?.querySelector('[role=alert]')?.textContent).toBe(refusal.detail);
    expect(document.querySelectorAll('dialog [role=alert]')).toHaveLength(1);
  });

  it('shows the secret of a new webhook once, with its address and how to sign', async () => {
    const { told } = await show([], {
      [`POST ${PATH}`]: { trigger: HOOK, secret: 'very-secret' }
    });
    await settle(() => button('Add a trigger…').click());
    await choose('A signed request');
    await settle(() => button('Add the trigger').click());
    expect(dialog()).toContain('very-secret');
    expect(dialog()).toContain('api/v1/hooks/t-3');
    expect(dialog()).toContain('openssl dgst -sha256');
    const copied = jest.fn(() => Promise.resolve());
    Object.assign(navigator, { clipboard: { writeText: copied } });
    await settle(() => button('very-secret').click());
    // A notice stays in a list that others may look into.
    expect([copied.mock.calls, told.at(-1)]).toEqual([[['very-secret']], 'Copied the secret']);
    await settle(() => button('I have kept the secret').click());
    expect(document.body.textContent).not.toContain('very-secret');
  });

  it('makes a new secret only after a second look', async () => {
    const { sent } = await show([HOOK], {
      [`POST ${PATH}/webhook/secret`]: { trigger: HOOK, secret: 'another' }
    });
    await settle(() => button('How to send one…').click());
    await settle(() => button('New secret…').click());
    expect([sent('POST').length, dialog().includes('are refused from then on')]).toEqual([0, true]);
    await settle(() => button('Yes, make a new one').click());
    expect(dialog()).toContain('another');
  });

  it('changes what is there and keeps the rest', async () => {
    const { sent } = await show([FILE], { [`PUT ${PATH}/landing`]: FILE });
    await settle(() => button('Change…').click());
    await type(field('Pause'), '600');
    await settle(() => button('Change it from now on').click());
    expect(sent('PUT').map(one => one.body)).toEqual([
      {
        source: { ...FILE.source, interval_s: 600 },
        parameters: FILE.parameters,
        deadline_s: null
      }
    ]);
  });

  it('removes one after saying what is lost', async () => {
    const { sent } = await show([FILE], { [`DELETE ${PATH}/landing`]: {} });
    await settle(() => button('Remove…').click());
    expect([sent('DELETE').length, dialog().includes('starts no more runs')]).toEqual([0, true]);
    await settle(() => button('Remove').click());
    expect(sent('DELETE').map(one => one.path)).toEqual([`${PATH}/landing`]);
  });

  it('lists what it fired: the cause, the run, or why there is none', async () => {
    const firing = { trigger: 't-3', name: 'landing', at: FILE.last_fired, cause: {} };
    const { went } = await show([FILE], {
      [`GET ${PATH}/landing/firings?limit=20`]: {
        items: [
          {
            ...firing,
            id: 'f-2',
            run: 'r-9',
            state: 'failed',
            reason: null,
            cause: { url: '/datasets/in/a.csv', old: 'a', new: 'b' }
          },
          { ...firing, id: 'f-1', run: null, reason: 'the pipeline has no live version' }
        ]
      }
    });
    await settle(() => button('Log…').click());
    expect(dialog()).toContain('a new version of /datasets/in/a.csv');
    expect(dialog()).toContain('the pipeline has no live version');
    await settle(() => document.querySelector<HTMLAnchorElement>('dialog a')!.click());
    expect(went).toEqual([{ kind: 'run', id: 'r-9' }]);
    expect(document.querySelector('dialog')).toBeNull();
  });

  it('asks for the right to deploy where versions are reviewed', async () => {
    const { galley, box } = await show([], {}, ['read', 'operate']);
    expect(reasonOf('Add a trigger…')).toBeNull();
    const me = galley.me.value!;
    await settle(() => galley.me.set({ ...me, tenants: [{ ...me.tenants[0], gates: ['lead'] }] }));
    expect(reasonOf('Add a trigger…')).toContain('do not allow setting');
    expect(box.textContent).toContain('upon a signed request of another system');
  });
});
