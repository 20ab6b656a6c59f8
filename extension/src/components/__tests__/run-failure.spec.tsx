import * as React from 'react';
import { button, clear, draw, settle, stage } from '../../__tests__/galley';
import { run } from '../../__tests__/samples';
import type { Attempt, Run } from '../../api/types';
import { RunFailure } from '../run-failure';

afterEach(clear);

function attempt(number: number, changes: Partial<Attempt>): Attempt {
  return {
    id: `a-${number}`,
    number,
    state: 'succeeded',
    host: 'h',
    profile: 'small',
    started_at: '2026-11-20T09:00:00Z',
    tasks: [],
    ...changes
  };
}

const OUT_OF_MEMORY = attempt(1, {
  state: 'failed',
  failure_class: 'out_of_memory',
  error: { task: 'train', cell: 6, ename: 'OutOfMemory', evalue: '', message: 'it needed 3 GiB' }
});
const LOST = attempt(1, { state: 'lost', failure_class: 'infrastructure' });

/** What is told of an attempt of a run; null: nothing. */
async function told(changes: Partial<Run>, chosen: Attempt | undefined): Promise<string | null> {
  const whole = run({ attempt_count: changes.attempts?.length ?? 0, ...changes });
  const scene = stage({});
  const box = await draw(
    scene.galley,
    <RunFailure run={whole} attempt={chosen} task={undefined} />
  );
  return box.querySelector('[role=alert]')?.textContent ?? null;
}

describe('RunFailure', () => {
  it('tells of an attempt that failed also where the run succeeded after it', async () => {
    const attempts = [OUT_OF_MEMORY, attempt(2, { profile: 'large' })];
    const first = await told({ attempts }, attempts[0]);
    expect(first).toContain('It needed 3 GiB');
    expect(first).toContain('Out of memory · task train · cell 7 · repeated as attempt 2');
    expect(first).toContain('Attempt 2 had the profile large.');
    await clear();
    expect(await told({ attempts }, attempts[1])).toBeNull();
  });

  it('brings an attempt that was repeated into JupyterLab, too', async () => {
    const whole = run({ attempts: [OUT_OF_MEMORY, attempt(2, {})], attempt_count: 2 });
    const { galley, debugged } = stage({});
    await draw(galley, <RunFailure run={whole} attempt={OUT_OF_MEMORY} task={undefined} />);
    await settle(() => button('Debug in JupyterLab').click());
    expect(debugged).toEqual([['r-1', 1, null]]);
  });

  it.each(['queued', 'launching', 'running'] as const)(
    'says of a lost attempt that the run, which is %s, goes on',
    async state => {
      const reason = 'waits for room';
      const alert = await told({ state, state_reason: reason, attempts: [LOST] }, LOST);
      expect(alert).toContain('The host of this attempt was lost.');
      expect(alert).toContain('Platform failure · another attempt follows');
      expect(alert).toContain('The run goes on with another attempt.');
      expect(alert).not.toMatch(/Retry|as often as|not repeated|waits for room/);
    }
  );

  it.each([
    ['pipeline', 'Retry repeats it once more'],
    ['rehearsal', 'publish the notebook again'],
    ['trial', '“Try again…” starts another trial']
  ] as const)('says of a %s that was lost for good what there is to do', async (kind, advice) => {
    const last = { ...LOST, number: 3 };
    const attempts = [LOST, { ...LOST, number: 2 }, last];
    const reason = '3 attempts were made, the last one ended so: its host stopped answering';
    const changes = { kind, state: 'failed' as const, state_reason: reason, attempts };
    const alert = await told(changes, last);
    expect(alert).toContain(reason);
    expect(alert).toContain('Platform failure · attempt 3');
    expect(alert).toContain(advice);
    expect(alert!.includes('Retry')).toBe(kind === 'pipeline');
    await clear();
    const first = await told(changes, LOST);
    expect(first).toContain('repeated as attempt 2');
    expect(first).not.toContain(reason);
    expect(first).not.toMatch(/as often as|Retry/);
  });

  it('advises nothing that a cancelled run does not offer', async () => {
    const alert = await told({ state: 'cancelled', attempts: [LOST] }, LOST);
    expect(alert).toContain('It was not repeated: the run ended before.');
    await clear();
    const cancelled = attempt(1, { state: 'cancelled' });
    expect(await told({ state: 'cancelled', attempts: [cancelled] }, cancelled)).toBeNull();
  });

  it('tells of an attempt that ended with its host although nobody had cancelled it', async () => {
    const stopped = attempt(1, { state: 'cancelled' });
    const alert = await told({ attempts: [stopped, attempt(2, {})] }, stopped);
    expect(alert).toContain('The host of this attempt was stopped.');
    expect(alert).toContain('Platform failure · repeated as attempt 2');
  });

  it('does not say that what succeeded at the next try always fails', async () => {
    const failed = attempt(1, { ...OUT_OF_MEMORY, failure_class: 'user' });
    const alert = await told({ attempts: [failed, attempt(2, {})] }, failed);
    expect(alert).toContain('Attempt 2 followed.');
    expect(alert).not.toContain('fails the same way');
  });

  it.each([
    ['pipeline', 'Once that is mended, Retry repeats it'],
    ['rehearsal', 'Publish the notebook again once that is mended.'],
    ['trial', '“Try again…” starts another trial']
  ] as const)('blames no cell of a %s where none failed', async (kind, advice) => {
    const error = {
      task: null,
      cell: null,
      ename: 'NoSecret',
      evalue: '',
      message: 'there is no secret key'
    };
    const failed = attempt(1, { state: 'failed', failure_class: 'user', error });
    const alert = await told({ kind, state: 'failed', attempts: [failed] }, failed);
    expect(alert).toContain('There is no secret key');
    expect(alert).toContain(advice);
    expect(alert).not.toContain('Mend the cell');
    await clear();
    const inCell = { ...failed, error: { ...error, cell: 0 } };
    expect(await told({ kind, state: 'failed', attempts: [inCell] }, inCell)).toContain(
      'Mend the cell'
    );
  });

  it.each([
    [{}, 'Retry repeats it without a deadline; “Run again…” takes a later one'],
    [{ trigger: 'schedule' }, 'that of the next ones is its schedule’s'],
    [{ kind: 'trial' }, '“Try again…” takes a later deadline']
  ] as [Partial<Run>, string][])('tells a deadline from a time limit (%j)', async (how, advice) => {
    const deadline = new Date(2026, 10, 20, 9, 1).toISOString();
    const late = attempt(1, { state: 'timed_out', failure_class: 'timeout', ended_at: deadline });
    const state_reason = 'it had not ended by its deadline, 2026-11-20 09:01 UTC';
    const changes: Partial<Run> = { state: 'timed_out', deadline, state_reason, ...how };
    const alert = await told({ ...changes, attempts: [late] }, late);
    expect(alert).toMatch(/^It had not ended by its deadline, \S* ?\S+ ?09:01Deadline missed/);
    expect(alert).toContain(advice);
    expect(alert).not.toMatch(/limit|UTC/);
    await clear();
    const slow = { ...late, ended_at: '2026-11-20T05:00:00Z' };
    const limited = await told({ ...changes, deadline: '2026-11-21T09:01:00Z' }, slow);
    expect(limited).toContain('Publish it with a longer limit');
  });

  it('tells why a run failed that had no attempt', async () => {
    const reason = "its profile 'gpu' is not declared any more; publish the next version";
    const alert = await told({ state: 'failed', state_reason: reason }, undefined);
    expect(alert).toContain(reason.slice(1));
    expect(alert).toContain('It was never started');
    expect(alert).not.toContain('Mend the cell');
  });
});
