import * as React from 'react';
import { button, clear, draw, settle, stage } from '../../__tests__/galley';
import { version } from '../../__tests__/samples';
import type { Check, LiveState } from '../../api/types';
import type { Bridge } from '../../lab/bridge';
import type { IGalley } from '../../model/galley';
import { Resource } from '../../model/resource';
import { cleanVersion, compare, type IOutcome } from '../comparison';
import type { ILiveSession } from '../session';
import { ComparisonView } from '../view';

afterEach(clear);

const STATE: LiveState = {
  snapshot: { names: {}, aliases: [], states: {} },
  cells: [],
  notebook: { cells: [] }
};
const bridge = { fingerprint: () => Promise.resolve('1') } as unknown as Bridge;
const found: Check = {
  code: 'live-differs',
  severity: 'warning',
  message: '`df` has 30 columns, in the clean run 31',
  cell: 3
};
const alone: Check = { code: 'live-edited', severity: 'warning', message: 'edited', cell: 1 };

function session(changes: Partial<ILiveSession> = {}): ILiveSession {
  return {
    refusal: () => null,
    checks: () => [alone],
    state: () => Promise.resolve(STATE),
    ...changes
  };
}

const answering = (checks: Check[], reason: string | null = null) =>
  stage({ 'POST versions/v-3/live': { checks, reason } });

describe('compare', () => {
  it('sends what the kernel holds and shows what the service finds', async () => {
    const scene = answering([found]);
    const outcome = await compare(scene.galley, bridge, session(), version());
    expect(outcome).toEqual({ version: 3, checks: [found], reason: null, compared: true });
    expect(scene.transport.asked[0].body).toEqual(STATE);
  });

  it.each<[string, Partial<ILiveSession>]>([
    ['The kernel is busy', { refusal: () => 'The kernel is busy.' }],
    ['MemoryError', { state: () => Promise.reject(new Error('MemoryError')) }]
  ])('says “%s” and what the cells alone tell', async (said, changes) => {
    const scene = answering([]);
    const outcome = await compare(scene.galley, bridge, session(changes), version());
    expect(outcome.reason).toContain(said);
    expect(outcome).toMatchObject({ checks: [alone], compared: false });
    expect(scene.transport.asked).toEqual([]);
  });

  it('asks for a rehearsal where there was none', async () => {
    const outcome = await compare(stage().galley, bridge, session(), null);
    expect(outcome.reason).toContain('rehearse or publish');
  });
});

it('takes the newest version that ran clean', async () => {
  const clean = { passed: true } as ReturnType<typeof version>['evidence'];
  const versions = [version({ number: 4 }), version({ number: 3, evidence: clean })];
  const scene = stage({
    'GET tenants/oncology/pipelines?source_path=a.ipynb&limit=10': { items: [{ slug: 'risk' }] },
    'GET tenants/oncology/pipelines/risk/versions?limit=20': { items: versions }
  });
  const galley: IGalley = { ...scene.galley, homeTenant: 'oncology' };
  expect((await cleanVersion(galley, 'a.ipynb'))?.number).toBe(3);
  expect(await cleanVersion(scene.galley, 'a.ipynb')).toBeNull();
});

describe('ComparisonView', () => {
  async function show(outcome: IOutcome, went: number[] = []) {
    const resource = new Resource(() => Promise.resolve(outcome));
    await resource.refresh();
    return draw(
      stage().galley,
      <ComparisonView outcome={resource} onCell={cell => void went.push(cell)} />
    );
  }

  it('lists what differs, each with the way to its cell', async () => {
    const went: number[] = [];
    const box = await show({ version: 3, checks: [found], reason: null, compared: true }, went);
    expect(box.innerHTML).toContain('<code>df</code> has 30 columns');
    await settle(() => button('Go to cell 4').click());
    expect(went).toEqual([3]);
  });

  it('says that session and clean run agree, and only then', async () => {
    const box = await show({ version: 3, checks: [], reason: null, compared: true });
    expect(box.textContent).toBe('Your session and the clean run of v3 agree');
    await clear();
    const partly = await show({ version: 3, checks: [], reason: 'no snapshot', compared: true });
    expect(partly.textContent).not.toContain('agree');
    expect(partly.textContent).toContain('no snapshot');
    expect(button('Compare again')).toBeTruthy();
  });
});
