import { trans } from '../../__tests__/trans';
import { Problem } from '../../api/problem';
import type { Analysis, ISlugAnswer, ITenant, Version } from '../../api/types';
import { beginning, rename, requestOf, type IDraft } from '../draft';
import { mistakes, reasonAgainst, refusal, type IState } from '../mistakes';

const analysis = {
  title: 'Weekly Survival Report',
  parameters: { properties: { folds: { type: 'integer', default: 5 } }, required: [] },
  checks: [],
  tasks: []
} as unknown as Analysis;

const tenant = {
  name: 'oncology',
  display_name: 'Oncology',
  actions: ['read', 'publish'],
  profiles: [
    { name: 'cpu-small', available: true, reason: null },
    { name: 'gpu', available: false, reason: 'This machine has no GPU.' }
  ]
} as unknown as ITenant;

const free: ISlugAnswer = {
  slug: 'weekly-survival-report',
  valid: true,
  exists: false,
  yours: false,
  message: 'free',
  suggestion: 'weekly-survival-report'
};

const fresh = (): IDraft =>
  beginning({
    path: 'work/report.ipynb',
    analysis,
    pipeline: null,
    version: null,
    profile: 'cpu-small',
    timezone: 'Europe/Berlin'
  });

describe('a draft', () => {
  it('begins with what the notebook says', () => {
    expect(fresh()).toMatchObject({
      name: 'Weekly Survival Report',
      slug: 'weekly-survival-report',
      profile: 'cpu-small',
      scheduled: false,
      timezone: 'Europe/Berlin'
    });
  });

  it('begins with the latest version, without values of parameters that are gone', () => {
    const version = {
      name: 'Report',
      description: 'd',
      defaults: { folds: 7, gone: 1 },
      rehearsal_parameters: {},
      goal: { metric: 'auc', direction: 'lower', threshold: 0 },
      profile: 'gpu',
      timeout_s: 90,
      cell_timeout_s: 30,
      retries: 0,
      schedule: { cron: '@daily', timezone: 'UTC', catch_up: 'skip', overlap: 'queue' }
    } as unknown as Version;
    const draft = beginning({
      path: 'a.ipynb',
      analysis,
      pipeline: null,
      version,
      profile: 'cpu-small',
      timezone: 'UTC'
    });
    expect(draft).toMatchObject({
      name: 'Report',
      defaults: { folds: 7 },
      threshold: '0',
      timeout: '1.5',
      cellTimeout: '0.5',
      retries: '0',
      scheduled: true,
      cron: '@daily',
      catchUp: 'skip'
    });
    expect(requestOf(draft, false).schedule).toEqual({
      cron: '@daily',
      timezone: 'UTC',
      catch_up: 'skip',
      overlap: 'queue'
    });
  });

  it('takes the short name along until somebody chooses one', () => {
    expect(rename(fresh(), 'Other').slug).toBe('other');
    expect(rename({ ...fresh(), slugEdited: true }, 'Other').slug).toBe('weekly-survival-report');
  });

  it('becomes a request in the units of the service', () => {
    const draft = { ...fresh(), metric: ' auc ', threshold: '0.9', timeout: '1.5', retries: '2' };
    expect(requestOf(draft, true)).toMatchObject({
      goal: { metric: 'auc', direction: 'higher', threshold: 0.9 },
      timeout_s: 90,
      cell_timeout_s: null,
      retries: 2,
      schedule: null,
      rehearse_only: true
    });
    expect(requestOf({ ...fresh(), cellTimeout: '0.5' }, true).cell_timeout_s).toBe(30);
    const scheduled = { ...fresh(), scheduled: true, cron: ' 0 6 * * 1 ' };
    expect(requestOf(scheduled, false).schedule).toEqual({
      cron: '0 6 * * 1',
      timezone: 'Europe/Berlin',
      catch_up: 'latest'
    });
  });
});

describe('mistakes', () => {
  it('finds none in a fresh draft', () => {
    expect(mistakes(trans, fresh(), free, tenant)).toEqual({});
  });

  it.each<[string, Partial<IDraft>]>([
    ['name', { name: '  ' }],
    ['name', { name: 'x'.repeat(121) }],
    ['slug', { slug: '' }],
    ['note', { note: 'x'.repeat(4001) }],
    ['goal.threshold', { metric: 'auc', threshold: 'high' }],
    ['goal.metric', { metric: '', threshold: '1' }],
    ['timeout_s', { timeout: '0' }],
    ['timeout_s', { timeout: '99999' }],
    ['cell_timeout_s', { cellTimeout: '0' }],
    ['cell_timeout_s', { cellTimeout: 'soon' }],
    ['retries', { retries: '1.5' }],
    ['retries', { retries: '11' }],
    ['profile', { profile: 'gpu' }],
    ['profile', { profile: 'gone' }],
    ['schedule.cron', { scheduled: true, cron: ' ' }],
    ['schedule.timezone', { scheduled: true, timezone: '' }]
  ])('names %s (case %#)', (field, change) => {
    expect(Object.keys(mistakes(trans, { ...fresh(), ...change }, free, tenant))).toEqual([field]);
  });

  it('gives the reason why a profile cannot be had', () => {
    expect(mistakes(trans, { ...fresh(), profile: 'gpu' }, free, tenant).profile).toBe(
      'This machine has no GPU.'
    );
  });

  it('refuses the name of somebody else’s pipeline unless it is meant to continue it', () => {
    const taken = { ...free, exists: true, message: 'It belongs to ada.' };
    expect(mistakes(trans, fresh(), taken, tenant).slug).toBe('It belongs to ada.');
    expect(mistakes(trans, { ...fresh(), continues: true }, taken, tenant)).toEqual({});
    expect(mistakes(trans, fresh(), { ...taken, yours: true }, tenant)).toEqual({});
  });
});

describe('refusal', () => {
  it('finds the field that the service named', () => {
    const named = (field: string) => refusal(new Problem('no', 422, 'invalid-input', field))?.field;
    expect(named('schedule.cron')).toBe('schedule.cron');
    expect(named('request.schedule')).toBe('schedule.cron');
    expect(named('goal')).toBe('goal.metric');
    expect(named('notebook')).toBeUndefined();
  });
});

describe('reasonAgainst', () => {
  const state: IState = {
    analysis,
    analysing: false,
    tenant,
    mistakes: {},
    scheduleProblem: null,
    layoutProblem: null,
    layoutPending: false,
    slugKnown: true
  };

  it('has none when all is well', () => {
    expect(reasonAgainst(trans, fresh(), state)).toBeNull();
  });

  it.each<[string, Partial<IState>, Partial<IDraft>]>([
    ['do not allow publishing', { tenant: { ...tenant, actions: ['read'] } }, {}],
    ['still being read', { analysis: null, analysing: true }, {}],
    ['could not be read', { analysis: null }, {}],
    ['A name is needed.', { mistakes: { name: 'A name is needed.' } }, {}],
    ['never fires', { scheduleProblem: 'It never fires.' }, { scheduled: true }],
    ['being checked', { slugKnown: false }, {}],
    ['cell 3 stands twice', { layoutProblem: 'cell 3 stands twice' }, {}],
    ['arrangement of the tasks', { layoutPending: true }, {}],
    ['see its field', {}, { unreadable: { defaults: true, rehearsal: false } }]
  ])('says “%s”', (said, change, draft) => {
    expect(reasonAgainst(trans, { ...fresh(), ...draft }, { ...state, ...change })).toContain(said);
  });

  it('counts the checks that stop publishing', () => {
    const check = { code: 'secret', severity: 'error' as const, message: 'a secret' };
    const bad = { ...analysis, checks: [check, check] };
    expect(reasonAgainst(trans, fresh(), { ...state, analysis: bad })).toMatch(/^2 checks stop/);
  });
});
