import * as React from 'react';
import { button, clear, draw, settle, stage } from '../../__tests__/galley';
import { proof } from '../../__tests__/plans';
import { version } from '../../__tests__/samples';
import type { Difference, Evidence, Proof } from '../../api/types';
import { ProofSummary, ProofView } from '../proof';

afterEach(clear);

function evidence(found: Proof | null): Evidence {
  return {
    format: 1,
    passed: true,
    started_at: '2026-11-20T09:00:00Z',
    duration_s: 30,
    peak_memory: 0,
    cells: 6,
    parameters: {},
    metrics: {},
    proof: found
  };
}

const difference = (changes: Partial<Difference>): Difference => ({
  kind: 'variable',
  what: 'model',
  task: 'train',
  cell: 5,
  unstable: false,
  message: '`model` differs in best_score_.',
  ...changes
});

async function show(found: Proof | null, went: number[] = []) {
  const one = version({ evidence: evidence(found) });
  return draw(stage().galley, <ProofView version={one} onCell={cell => void went.push(cell)} />);
}

describe('ProofView', () => {
  it('shows the accepted tasks and what was compared', async () => {
    const box = await show(proof());
    expect(box.textContent).toContain('Proved equal: 3 tasks');
    expect(box.textContent).toContain('12 variables, 5 outputs, 1 file');
    expect(box.textContent).toContain('forked, as in a run');
    await settle(() => button('From load to clean: df').click());
    expect(box.querySelector('tbody')!.textContent).toBe('dfpandas.DataFrame2 KiB');
  });

  it.each([
    [[10, 11], 'ran twice unsplit'],
    [[10], 'ran once unsplit and once split']
  ])('says how many unsplit runs stand behind the verdict: %j', async (seconds, meaning) => {
    const box = await show(proof({ plain_s: seconds }));
    expect(box.textContent).toContain(meaning);
  });

  it('does not say that a split differed where none was run', async () => {
    const box = await show(proof({ state: 'unequal', plan: null, tries: [], reason: 'no' }));
    expect(box.textContent).toContain('No split was compared');
  });

  it.each([
    [[1], 'Cell 2 draws random numbers'],
    [[1, 4], 'Cells 2, 5 draw random numbers']
  ])('names the cells that make each run another one: %j', async (drawing, words) => {
    expect((await show(proof({ drawing }))).textContent).toContain(words);
    expect((await show(proof())).textContent).not.toContain('random numbers');
  });

  it('says what differed in each try, and leads to the cell', async () => {
    const went: number[] = [];
    const box = await show(
      proof({
        state: 'unequal',
        plan: null,
        reason: '`model` differs in every split.',
        tries: [
          {
            tasks: ['load', 'train'],
            reused: [],
            duration_s: 9,
            differences: [difference({}), difference({ unstable: true, message: 'the clock' })]
          }
        ],
        unstable: [difference({ message: 'output 1 prints the time.', cell: 2, task: null })]
      }),
      went
    );
    expect(box.textContent).toContain('One task: no split was equal');
    expect(box.textContent).toContain('`model` differs in every split.');
    expect(box.textContent).toContain('1 thing differed');
    expect(box.textContent).not.toContain('the clock');
    expect(box.querySelector('details')!.textContent).toContain('output 1 prints the time.');
    await settle(() => button('cell 6').click());
    expect(went).toEqual([5]);
  });

  it.each<[Partial<Proof>, string, string]>([
    [
      { state: 'skipped', plan: null, reason: 'it would take 2 h.' },
      'One task: proof skipped',
      'Nobody has shown'
    ],
    [{ state: 'not_needed', plan: null }, 'One task: nothing to prove', 'nothing to compare']
  ])('says %j in plain words', async (changes, verdict, meaning) => {
    const box = await show(proof(changes));
    expect(box.textContent).toContain(verdict);
    expect(box.textContent).toContain(meaning);
    expect(box.textContent).toContain(changes.reason ?? '');
    expect(box.querySelector('svg[aria-label="Task graph"]')).toBeNull();
  });

  it('does without a proof', async () => {
    expect((await show(null)).textContent).toContain('Nothing was split');
  });
});

it('gives the verdict in short, with the way to the rest', async () => {
  const asked: string[] = [];
  const one = version({ evidence: evidence(proof()) });
  await draw(stage().galley, <ProofSummary version={one} onMore={() => void asked.push('more')} />);
  await settle(() => button('Everything about the proof').click());
  expect(asked).toEqual(['more']);
});
