import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage } from '../../__tests__/galley';
import type { Backfill, Pipeline } from '../../api/types';
import { Backfills } from '../backfills';

afterEach(clear);

const LIST = 'GET tenants/oncology/pipelines/risk/backfills?limit=5';
const PIPELINE = { tenant: 'oncology', slug: 'risk' } as Pipeline;

function backfill(changes: Partial<Backfill> = {}): Backfill {
  return {
    id: 'b-1',
    tenant: 'oncology',
    pipeline: 'risk',
    version: 3,
    state: 'running',
    state_reason: null,
    cron: '0 6 * * *',
    timezone: 'UTC',
    start: '2026-11-01T00:00:00Z',
    end: '2026-11-10T00:00:00Z',
    order: 'oldest',
    parallel: 2,
    only: 'missing',
    parameters: {},
    stop_at_first_failure: false,
    total: 10,
    waiting: 5,
    open: 2,
    succeeded: 2,
    failed: 1,
    requested_by: 'ada',
    created_at: '2026-11-20T09:00:00Z',
    ended_at: null,
    ...changes
  };
}

async function show(one: Backfill | null, actions: ('read' | 'run')[] = ['read', 'run']) {
  const scene = stage(
    {
      [LIST]: { items: one ? [one] : [] },
      'POST backfills/b-1/pause': one,
      'POST backfills/b-1/resume': one,
      'POST backfills/b-1/cancel': one
    },
    { actions }
  );
  const box = await draw(scene.galley, <Backfills pipeline={PIPELINE} />);
  const posted = () =>
    scene.transport.asked.filter(ask => ask.method === 'POST').map(ask => ask.path);
  return { ...scene, box, posted };
}

describe('Backfills', () => {
  it('shows how far one is', async () => {
    const { box } = await show(backfill());
    const meter = box.querySelector('[role=progressbar]')!;
    expect(meter.getAttribute('aria-valuenow')).toBe('3');
    expect(meter.getAttribute('aria-valuemax')).toBe('10');
    expect(box.textContent).toContain('2 of 10 succeeded · 1 failed · 2 open · 5 waiting');
    expect(box.textContent).toContain('Running');
  });

  it('pauses and resumes', async () => {
    const { posted } = await show(backfill());
    await settle(() => button('Pause').click());
    expect(posted()).toEqual(['backfills/b-1/pause']);
    await clear();
    const again = await show(backfill({ state: 'paused' }));
    await settle(() => button('Resume').click());
    expect(again.posted()).toEqual(['backfills/b-1/resume']);
  });

  it('asks before it cancels', async () => {
    const { posted } = await show(backfill());
    await settle(() => button('Cancel…').click());
    expect(posted()).toEqual([]);
    await settle(() => button('Yes, cancel it').click());
    expect(posted()).toEqual(['backfills/b-1/cancel']);
  });

  it('offers nothing on one that has ended, and says why it ended', async () => {
    const { box } = await show(
      backfill({ state: 'failed', state_reason: '1 of 10 dates did not succeed' })
    );
    expect(box.querySelectorAll('button')).toHaveLength(0);
    expect(box.textContent).toContain('1 of 10 dates did not succeed');
  });

  it('is not there without any, and refuses readers', async () => {
    expect((await show(null)).box.textContent).toBe('');
    await clear();
    await show(backfill(), ['read']);
    expect(reasonOf('Pause')).toContain('do not allow running');
  });
});
