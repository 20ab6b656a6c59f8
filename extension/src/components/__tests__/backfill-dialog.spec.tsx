import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage, type, until } from '../../__tests__/galley';
import { version } from '../../__tests__/samples';
import type { Backfill, BackfillPlan, BackfillRequest, Pipeline, Version } from '../../api/types';
import { BackfillButton, BackfillDialog } from '../backfill-dialog';

afterEach(clear);

const PATH = 'tenants/oncology/pipelines/risk';
const PLAN = `POST ${PATH}/backfills/plan`;

const PIPELINE = {
  tenant: 'oncology',
  slug: 'risk',
  name: 'Risk score',
  live_version: 3,
  schedule: { cron: '0 6 * * *', timezone: 'UTC' }
} as unknown as Pipeline;

const FOUND: BackfillPlan = {
  pipeline: 'risk',
  version: 3,
  cron: '0 6 * * *',
  timezone: 'UTC',
  dates: [
    {
      logical_date: '2026-11-10T06:00:00Z',
      local: '2026-11-10T06:00:00+00:00',
      standing: 'failed',
      run: 'r-1',
      wanted: true
    },
    {
      logical_date: '2026-11-11T06:00:00Z',
      local: '2026-11-11T06:00:00+00:00',
      standing: 'succeeded',
      run: 'r-2',
      wanted: false
    }
  ],
  total: 2,
  wanted: 1,
  succeeded: 1,
  failed: 1,
  open: 0,
  removed: 0,
  paused: 0,
  parallel: 1,
  median_s: 90,
  duration_s: 90
};

const SCHEMA = {
  properties: {
    day: { type: 'string', default: '2020-01-01' },
    limit: { type: 'integer', default: 10 }
  }
};

async function show(plan: unknown = FOUND, pipeline = PIPELINE) {
  const scene = stage({
    [`GET ${PATH}/versions?limit=100`]: {
      items: [version({ live: true, analysis: { parameters: SCHEMA } as Version['analysis'] })]
    },
    [PLAN]: plan,
    [`POST ${PATH}/backfills`]: { id: 'b-1' }
  });
  const started: Backfill[] = [];
  await draw(
    scene.galley,
    <BackfillDialog
      pipeline={pipeline}
      first="2026-11-10"
      last="2026-11-11"
      onClose={() => undefined}
      onStarted={one => void started.push(one)}
    />
  );
  const asked = (path: string) =>
    scene.transport.asked
      .filter(one => `${one.method} ${one.path}` === path)
      .map(one => one.body as BackfillRequest);
  // A dialog lies beside what opened it.
  return { ...scene, box: document.body, started, asked };
}

describe('BackfillDialog', () => {
  it('plans before it starts, and starts what was planned', async () => {
    const { asked, started, box } = await show();
    expect(asked(`POST ${PATH}/backfills`)).toEqual([]);
    expect(box.textContent).toContain('1 of 2 dates would be run with version 3');
    expect(box.textContent).toContain('It takes about 1 min 30 s');
    expect(box.querySelectorAll('.jp-Galley-firings li')).toHaveLength(1);
    await settle(() => button('Run 1 date').click());
    const [sent] = asked(`POST ${PATH}/backfills`);
    expect(sent).toEqual(asked(PLAN)[0]);
    expect(new Date(sent.start)).toEqual(new Date('2026-11-10T00:00:00'));
    expect(new Date(sent.end)).toEqual(new Date('2026-11-11T23:59:59.999'));
    expect([sent.cron, sent.version, sent.only]).toEqual([null, 3, 'missing']);
    expect(started.map(one => one.id)).toEqual(['b-1']);
  });

  it('plans again when something is changed', async () => {
    const { asked, box } = await show();
    const all = [...box.querySelectorAll<HTMLInputElement>('input[type=radio]')];
    await settle(() => all.find(one => one.value === 'all')!.click());
    await type(box.querySelector<HTMLInputElement>('input[type=number]')!, '4');
    await settle(() => box.querySelector<HTMLInputElement>('input[type=checkbox]')!.click());
    expect(reasonOf('Run 1 date')).toBe('The dates are being looked up.');
    await until(() => asked(PLAN).length > 1);
    await settle();
    expect(reasonOf('Run 1 date')).toBeNull();
    expect(asked(PLAN)).toHaveLength(2);
    const last = asked(PLAN).pop()!;
    expect([last.only, last.parallel, last.stop_at_first_failure]).toEqual(['all', 4, true]);
  });

  it('leaves to the schedule what is not changed, and says so', async () => {
    const parameters = { day: '{{ logical_date | date }}', limit: 25 };
    const { asked, box } = await show(FOUND, {
      ...PIPELINE,
      schedule: { ...PIPELINE.schedule, parameters }
    } as Pipeline);
    const field = (name: string) =>
      [...box.querySelectorAll('label')]
        .find(one => one.textContent?.startsWith(name))
        ?.parentElement?.querySelector('input');
    expect(box.textContent).toContain('comes from the schedule');
    expect(field('day')?.value).toBe('');
    expect(field('day')?.placeholder).toBe(parameters.day);
    expect(field('limit')?.value).toBe('25');
    expect(asked(PLAN)[0].parameters).toEqual({});
    await type(field('limit')!, '10');
    await type(field('day')!, '2026-11-10');
    await until(() => asked(PLAN).length > 1);
    // The notebook's own default too, where the schedule gives another value.
    expect(asked(PLAN).pop()?.parameters).toEqual({ limit: 10, day: '2026-11-10' });
  });

  it('starts nothing where no date is to be run', async () => {
    const { asked } = await show({ ...FOUND, wanted: 0 });
    expect(reasonOf('Run 0 dates')).toBe('No date is to be run.');
    await settle(() => button('Run 0 dates').click());
    expect(asked(`POST ${PATH}/backfills`)).toEqual([]);
  });

  it('says why there is no plan', async () => {
    await show(new Error('the line is down'));
    expect(reasonOf('Run 0 dates')).toContain('the connection was refused');
    expect(document.querySelector('[role=alert]')!.textContent).toContain(
      'the connection was refused'
    );
  });

  it('asks for a cron expression where there is no schedule', async () => {
    const { asked, box } = await show(FOUND, { ...PIPELINE, schedule: null });
    expect(box.textContent).toContain('no schedule to take the dates from');
    expect(asked(PLAN)[0].cron).toBe('0 6 * * *');
    expect(asked(PLAN)[0].timezone).toBeTruthy();
  });
});

describe('BackfillButton', () => {
  it('is refused with its reason to who may not run', async () => {
    const { galley } = stage({}, { actions: ['read'] });
    await draw(galley, <BackfillButton pipeline={PIPELINE} onStarted={() => undefined} />);
    expect(reasonOf('Backfill…')).toContain('do not allow running');
  });
});
