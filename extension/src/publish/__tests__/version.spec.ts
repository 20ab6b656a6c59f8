import { trans } from '../../__tests__/trans';
import type { Pipeline, Version } from '../../api/types';
import { badgeOf, type IStanding } from '../standing';
import { stepsOf } from '../steps';

function version(change: Partial<Version>): Version {
  return {
    id: 'v',
    number: 4,
    state: 'rehearsing',
    analysis: { checks: [], requirements: [{ name: 'pandas', version: '3.1' }] },
    evidence: null,
    progress: null,
    gates: [{ gate: 'lead', passed: false }],
    live: false,
    rehearse_only: false,
    ...change
  } as unknown as Version;
}

const passed = { passed: true } as Version['evidence'];
const states = (change: Partial<Version>) =>
  stepsOf(trans, version(change)).map(step => step.state);
const labels = (change: Partial<Version>) =>
  stepsOf(trans, version(change)).map(step => step.label);

describe('stepsOf', () => {
  it('goes from station to station', () => {
    expect(states({ state: 'analysing' })).toEqual(['doing', 'waiting', 'waiting', 'waiting']);
    expect(states({})).toEqual(['done', 'doing', 'waiting', 'waiting']);
    expect(states({ progress: { cell: 6, cells: 23 } })).toEqual([
      'done',
      'done',
      'doing',
      'waiting'
    ]);
    expect(states({ state: 'in_review', evidence: passed })).toEqual([
      'done',
      'done',
      'done',
      'done'
    ]);
  });

  it('counts the cell that runs, not those that are finished', () => {
    expect(labels({ progress: { cell: 6, cells: 23 } })[2]).toBe('Rehearsing cell 7 of 23');
    expect(labels({ progress: { cell: 23, cells: 23 } })[2]).toBe('Rehearsing cell 23 of 23');
  });

  it('says what became of it', () => {
    expect(labels({ state: 'approved', live: true, evidence: passed })[3]).toBe('v4 is live');
    expect(labels({ state: 'failed' })[3]).toBe('Not published');
    expect(states({ state: 'failed' }).slice(2)).toEqual(['failed', 'skipped']);
    expect(labels({ gates: [] })[3]).toBe('Live');
  });
});

describe('the proof among the stations', () => {
  const split = { tasks: [{}, {}] };
  const analysis = { checks: [], requirements: [], split } as unknown as Version['analysis'];
  const at = (phase: string, cells = 9) =>
    version({ analysis, progress: { cell: 2, cells, phase } });
  const station = (one: Version, key: string) =>
    stepsOf(trans, one).find(step => step.key === key)!;

  it('waits until the rehearsal is through, and names each of its phases', () => {
    expect(station(at('rehearsing'), 'proof').state).toBe('waiting');
    expect(station(at('rehearsing'), 'rehearsal').label).toBe('Rehearsing cell 3 of 9');
    const preparing = station(at('preparing the environment', 0), 'environment');
    expect(preparing).toMatchObject({ state: 'doing', label: 'Preparing the environment' });
    for (const [phase, said] of [
      ['plain run again', 'unsplit once more'],
      ['split run', 'running split'],
      ['split run with fewer tasks', 'with fewer tasks'],
      ['comparing', 'comparing']
    ]) {
      expect(station(at(phase), 'rehearsal').state).toBe('done');
      expect(station(at(phase), 'proof').label).toContain(said);
    }
  });

  it('counts the cells of a proof only where it reports its own', () => {
    const done = version({ analysis, progress: { cell: 9, cells: 9, phase: 'split run' } });
    expect(station(done, 'proof')).toMatchObject({ detail: undefined, total: 0 });
    expect(station(at('split run'), 'proof').detail).toBe('cell 3 of 9');
  });

  it('shows a phase that it does not know as it is', () => {
    expect(station(at('warming up'), 'rehearsal').detail).toBe('warming up');
  });

  it('ends with the verdict', () => {
    const ended = (proof: unknown) =>
      station(
        version({
          analysis,
          state: 'in_review',
          evidence: { passed: true, proof } as Version['evidence']
        }),
        'proof'
      );
    const plan = { tasks: [{}, {}, {}, {}] };
    expect(ended({ state: 'equal', plan })).toMatchObject({
      label: 'Proved equal: 4 tasks',
      state: 'done'
    });
    expect(ended({ state: 'unequal', reason: '`df` differs.' }).label).toBe(
      'One task: `df` differs.'
    );
    expect(ended({ state: 'skipped', reason: 'it would take 2 h.' })).toMatchObject({
      label: 'Proof skipped: it would take 2 h.',
      state: 'skipped'
    });
  });
});

describe('badgeOf', () => {
  const cells = [{ cell_type: 'code', source: 'x = 1' }];
  const pipeline = { tenant: 'oncology', slug: 'report', live_version: 3 } as Pipeline;
  const standing = (change: Partial<IStanding>): IStanding => ({
    pipeline,
    latest: version({ state: 'approved', number: 3, live: true }),
    base: { number: 3, notebook: { cells } },
    ...change
  });
  const says = (change: Partial<IStanding>, open = cells) =>
    badgeOf(trans, standing(change), open).word.text;

  it('tells how the open notebook stands to what is published', () => {
    expect(says({})).toBe('live v3');
    expect(says({}, [...cells, { cell_type: 'code', source: 'y' }])).toBe('1 cell ahead of v3');
    expect(says({ latest: version({ state: 'in_review' }) })).toBe('v4 waiting for review');
    expect(says({ latest: version({ progress: { cell: 1, cells: 9 } }) })).toBe(
      'rehearsing cell 2 of 9'
    );
    expect(says({ latest: version({ progress: { cell: 9, cells: 9, phase: 'split run' } }) })).toBe(
      'proving the split…'
    );
    expect(says({ latest: version({ state: 'failed' }) })).toBe('v4: rehearsal failed');
  });

  it('leads where one wants to go next', () => {
    expect(
      badgeOf(trans, standing({ pipeline: null, latest: null, base: null }), cells).place
    ).toBeNull();
    expect(badgeOf(trans, standing({}), cells).place).toMatchObject({ kind: 'pipeline' });
    expect(
      badgeOf(trans, standing({ latest: version({ state: 'in_review' }) }), cells).place
    ).toEqual({ kind: 'review', id: 'v' });
  });
});
