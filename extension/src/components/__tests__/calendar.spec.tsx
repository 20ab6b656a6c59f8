import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage, until } from '../../__tests__/galley';
import type { Action, Pipeline } from '../../api/types';
import { CalendarView } from '../calendar';

afterEach(clear);
beforeEach(() =>
  jest.useFakeTimers({ now: new Date('2026-11-20T09:00:00Z'), doNotFake: ['setTimeout'] })
);
afterEach(() => jest.useRealTimers());

const DAILY = {
  tenant: 'oncology',
  slug: 'daily',
  name: 'Daily',
  live_version: 1,
  schedule: { cron: '0 6 * * *', timezone: 'Europe/Berlin' }
} as unknown as Pipeline;
const FILL = 'POST tenants/oncology/pipelines/daily/backfills';

const MONTH =
  'GET tenants/oncology/pipelines/daily/calendar?from=2026-10-26&to=2026-12-06&timezone=Europe%2FBerlin';

function date(day: string, state: string, more: object = {}): object {
  const at = `${day}T06:00:00Z`;
  return {
    at,
    logical_date: at,
    pipeline: 'daily',
    pipeline_name: 'Daily',
    state,
    runs: 0,
    fillable: true,
    ...more
  };
}

function answer(): object {
  const day = (name: string, entries: object[], counts: object) => ({
    day: name,
    counts,
    entries,
    groups: []
  });
  return {
    days: [
      day('2026-11-19', [date('2026-11-19', 'failed', { run: 'r-1', runs: 2, reason: 'cell 2' })], {
        failed: 1
      }),
      day('2026-11-20', [date('2026-11-20', 'missed', { reason: 'missed: was down' })], {
        missed: 1
      })
    ],
    clock_changes: [
      {
        at: '2026-10-25T01:00:00Z',
        day: '2026-10-26',
        timezone: 'Europe/Berlin',
        before: 120,
        after: 60
      }
    ],
    next_cursor: null
  };
}

async function show(answers: Record<string, unknown>, actions: Action[] = ['read', 'run']) {
  const set = stage(answers, { actions });
  const box = await draw(
    set.galley,
    <CalendarView scopes={[{ tenant: 'oncology', slug: 'daily' }]} pipeline={DAILY} />
  );
  return { ...set, box };
}

const cell = (box: HTMLElement, part: string) =>
  [...box.querySelectorAll<HTMLElement>('[role=gridcell]')].find(one =>
    one.getAttribute('aria-label')?.includes(part)
  );

describe('CalendarView', () => {
  it('shows each date by shape and word, the clock, and why today was missed', async () => {
    const { box, went } = await show({ [MONTH]: answer() });
    expect(box.querySelectorAll('[role=gridcell]')).toHaveLength(42);
    expect(cell(box, 'November 20')?.getAttribute('aria-label')).toContain('1 Missed');
    expect(cell(box, 'October 26')?.getAttribute('aria-label')).toContain('goes back by 1 h');
    const failed = box.querySelector<HTMLAnchorElement>('a.jp-Galley-calendarChip');
    expect(failed?.title).toContain('cell 2');
    expect(failed?.textContent).toBe('07:00');
    expect(box.textContent).toContain('missed: was down');
    await settle(() => failed?.click());
    expect(went).toEqual([{ kind: 'run', id: 'r-1' }]);
  });

  it('is moved through by keys, and asks for other months', async () => {
    const { box, transport } = await show({ [MONTH]: answer() });
    const chosen = () => box.querySelector('[aria-selected=true]')?.getAttribute('aria-label');
    const grid = box.querySelector('[role=grid]');
    const press = (key: string) =>
      settle(() => grid?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })));
    await press('ArrowLeft');
    expect(chosen()).toContain('November 19');
    expect(box.textContent).toContain('2 runs');
    await settle(() => button('Later').click());
    expect(transport.asked.at(-1)?.path).toContain('from=2026-11-30&to=2027-01-03');
  });

  it('stays where it is while another month is asked for', async () => {
    const { box, transport } = await show({ [MONTH]: answer() });
    const grid = box.querySelector<HTMLElement>('[role=grid]')!;
    cell(box, 'November 20')!.focus();
    const answered: (() => void)[] = [];
    const fetch = transport.fetch.bind(transport);
    transport.fetch = async (path, init) => {
      await new Promise<void>(resolve => answered.push(resolve));
      return fetch(path, init);
    };
    await settle(() =>
      grid.dispatchEvent(new KeyboardEvent('keydown', { key: 'PageDown', bubbles: true }))
    );
    expect(box.querySelector('[role=grid]')).toBe(grid);
    expect(grid.getAttribute('aria-busy')).toBe('true');
    expect(document.activeElement?.getAttribute('aria-label')).toContain('December 20');
    expect(box.textContent).not.toContain('Nothing ran');
    const december = MONTH.replace('2026-10-26', '2026-11-30').replace('2026-12-06', '2027-01-03');
    transport.answers[december] = { days: [], clock_changes: [], next_cursor: null };
    await settle(() => answered.forEach(one => one()));
    expect(box.querySelector('[role=grid]')).toBe(grid);
    expect(grid.getAttribute('aria-busy')).toBe('false');
    expect(box.textContent).toContain('Nothing ran');
  });

  it('fills one hole by a click, and offers to fill all that are shown', async () => {
    const { transport, told } = await show({ [MONTH]: answer(), [FILL]: { total: 1 } });
    expect(button('Fill 2 holes…')).toBeTruthy();
    await settle(() => button('Fill').click());
    expect(transport.asked.find(one => one.method === 'POST')).toMatchObject({
      path: 'tenants/oncology/pipelines/daily/backfills',
      body: { start: '2026-11-20T06:00:00Z', end: '2026-11-20T06:00:00Z', only: 'missing' }
    });
    expect(told).toEqual(['The date is being run']);
    await settle(() => button('Fill 2 holes…').click());
    const days = [...document.querySelectorAll<HTMLInputElement>('dialog input[type=date]')];
    expect(days.map(one => one.value)).toEqual(['2026-11-19', '2026-11-20']);
    // They are days of the calendar's zone, whatever the reader's is.
    expect(transport.asked.at(-1)).toMatchObject({
      path: 'tenants/oncology/pipelines/daily/backfills/plan',
      body: { start: '2026-11-18T23:00:00.000Z', end: '2026-11-20T22:59:59.999Z' }
    });
  });

  it('offers to fill only what a backfill can run, and once', async () => {
    const found = answer() as { days: { entries: object[] }[] };
    found.days[1].entries.push(date('2026-11-20', 'failed', { run: 'r-9', fillable: false }));
    const { box, transport } = await show({ [MONTH]: found, [FILL]: { total: 1 } });
    const offered = () => box.querySelectorAll('.jp-Galley-calendarDates button').length;
    expect([box.textContent?.includes('Fill 2 holes'), offered()]).toEqual([true, 1]);
    await settle(() => button('Fill').click());
    expect([offered(), transport.asked.filter(one => one.method === 'POST').length]).toEqual([
      0, 1
    ]);
    expect(box.textContent).toContain('being run');
  });

  it('lists a busy day, and again when its runs change', async () => {
    const busy = {
      days: [
        {
          day: '2026-11-20',
          counts: { missed: 30 },
          entries: [],
          groups: [{ pipeline: 'daily', pipeline_name: 'Daily', counts: { missed: 30 }, holes: 20 }]
        }
      ],
      clock_changes: [],
      next_cursor: null
    };
    const day = MONTH.replace('2026-10-26', '2026-11-20').replace('2026-12-06', '2026-11-20');
    const { box, transport, events } = await show({ [MONTH]: busy, [day]: answer() });
    expect(box.textContent).toContain('missed: was down');
    // Ten of them were fired by another wording of the schedule.
    expect(button('Fill 20 holes…')).toBeTruthy();
    const asked = () => transport.asked.filter(one => `GET ${one.path}` === day).length;
    expect(asked()).toBe(1);
    jest.setSystemTime(new Date('2026-11-20T09:01:00Z'));
    const changed = { kind: 'run.changed', tenant: 'oncology', pipeline: 'daily' };
    await settle(() => events.received.emit(changed));
    await until(() => asked() === 2);
  });

  it('fills nothing for somebody who may only read', async () => {
    await show({ [MONTH]: answer() }, ['read']);
    expect(reasonOf('Fill')).toContain('do not allow running');
    expect(reasonOf('Fill 2 holes…')).toContain('do not allow running');
  });

  it('tells what is empty and what went wrong', async () => {
    const empty = { days: [], clock_changes: [], next_cursor: null };
    const { box } = await show({ [MONTH]: empty });
    expect(box.textContent).toContain('Nothing ran and nothing is to come in this time.');
    await clear();
    const broken = await show({});
    expect(broken.box.querySelector('[role=alert]')).not.toBeNull();
  });
});
