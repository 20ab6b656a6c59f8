import * as React from 'react';
import { button, clear, draw, settle, stage, type, until } from '../../__tests__/galley';
import { plan } from '../../__tests__/plans';
import { Problem } from '../../api/problem';
import type { Analysis, SplitLayout, SplitPlan } from '../../api/types';
import { useChanges } from '../../components/context';
import type { Bridge } from '../../lab/bridge';
import { Outlook } from '../outlook';
import { PublishSession } from '../session';

afterEach(clear);

const MERGES: SplitPlan['merges'] = [
  {
    tasks: ['load', 'clean'],
    code: 'generator',
    reason: 'cell 3 makes the generator `rows`, which cell 4 goes on with',
    cells: [2]
  }
];

function analysisOf(split: SplitPlan): Analysis {
  return {
    title: 'Risk',
    parameters: { properties: {}, required: [] },
    checks: [],
    tasks: [{ name: 'all', upstream: [], cells: [] }],
    split,
    requirements: [],
    stated: [],
    modules: [],
    missing_modules: []
  };
}

/** The dialog's right side; `answer` makes a plan of an arrangement, or refuses it. */
async function show(
  answer: (layout: SplitLayout) => SplitPlan = layout => plan({ wished: layout }),
  split = plan({ merges: MERGES })
) {
  const scene = stage({
    'GET tenants/oncology/pipelines?source_path=a.ipynb&limit=10': { items: [] }
  });
  const asked: (SplitLayout | null)[] = [];
  const bridge = {
    analyse: (_: string, layout: SplitLayout | null = null) => {
      asked.push(layout);
      return layout
        ? Promise.resolve(layout).then(one => analysisOf(answer(one)))
        : Promise.resolve(analysisOf(split));
    }
  } as unknown as Bridge;
  const session = new PublishSession({
    galley: scene.galley,
    bridge,
    path: 'a.ipynb',
    tenant: 'oncology',
    kept: null,
    live: { refusal: () => null, checks: () => [], state: () => Promise.reject(new Error()) },
    save: () => Promise.resolve(),
    tag: () => undefined,
    watched: new Set()
  });
  const went: number[] = [];
  const Shown = () => {
    useChanges(session);
    return <Outlook session={session} onCell={cell => void went.push(cell)} />;
  };
  const box = await draw(scene.galley, <Shown />);
  await until(() => box.querySelector('[aria-label="Task graph"]') !== null);
  return { session, asked, went, box };
}

const tasks = (layout: SplitLayout | null | undefined) =>
  layout?.tasks.map(one => [one.name, one.cells]);

describe('the tasks of the publish dialog', () => {
  it('draws what crosses each edge, and lists it on a click', async () => {
    const { box } = await show();
    await settle(() => button('From clean to train: X, y').click());
    const table = box.querySelector('.jp-Galley-crossings table')!;
    expect([...table.querySelectorAll('tbody tr')].map(row => row.textContent)).toEqual([
      'X––',
      'y––'
    ]);
    const dashed = button(
      'From load to train: no variable, but the order: a check, a file, or another effect'
    );
    expect(dashed.textContent).toBe('order');
    await settle(() => dashed.click());
    expect(box.querySelector('.jp-Galley-crossings p')!.textContent).toContain('a file');
  });

  it('says why a wished boundary is not cut, and leads to the cell', async () => {
    const { box, went } = await show();
    const note = box.querySelector('.jp-Galley-boundary .jp-Galley-merges')!;
    expect(note.textContent).toContain('Not cut: cell 3 makes the generator `rows`');
    await settle(() => note.querySelector('button')!.click());
    expect(went).toEqual([2]);
  });

  it('sends each rearrangement and publishes with it', async () => {
    const { session, asked } = await show();
    await settle(() => button('Move cell 4 from clean up into load').click());
    expect(session.split.pending).toBe(true);
    await until(() => !session.split.pending);
    await settle(() => button('Merge clean with train').click());
    await until(() => !session.split.pending);
    expect(asked.map(tasks)).toEqual([
      undefined,
      [
        ['load', [0, 1, 2, 3]],
        ['clean', [4]],
        ['train', [5]]
      ],
      [
        ['load', [0, 1, 2, 3]],
        ['clean', [4, 5]]
      ]
    ]);
    expect(tasks(session.draft!.layout)).toEqual(tasks(asked[2]));
    await settle(() => button('Reset').click());
    expect(session.draft!.layout).toBeNull();
    expect(session.plan!.merges).toHaveLength(1);
  });

  it('renames a task', async () => {
    const { session, box } = await show();
    await settle(() => button('Rename the task clean').click());
    const field = box.querySelector<HTMLInputElement>('input[aria-label="Name of the task"]')!;
    await type(field, 'Tidy up');
    await settle(() => {
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    });
    expect(session.draft!.layout!.tasks[1]).toMatchObject({ name: 'tidy_up', title: 'Tidy up' });
  });

  it('asks for one task, and can go back', async () => {
    const { session } = await show();
    await settle(() => button('One task').click());
    expect(tasks(session.draft!.layout)).toEqual([['load', [0, 1, 2, 3, 4, 5]]]);
    await settle(() => button('Reset').click());
    expect(session.draft!.layout).toBeNull();
  });

  it('tells an impossible arrangement beside the list, and keeps the graph', async () => {
    const { session, box } = await show(() => {
      throw new Problem('layout: cell 4 stands in two tasks.', 422, 'invalid-input', 'layout');
    });
    await settle(() => button('Merge load with clean').click());
    await until(() => session.split.problem !== null);
    expect(box.querySelector('[role=alert]')!.textContent).toContain('cell 4 stands in two tasks');
    expect(session.plan!.tasks).toHaveLength(3);
  });

  it('offers how much the proof may take', async () => {
    const { session, box } = await show();
    expect(box.querySelector('ol')!.textContent).toContain('split into 3 tasks');
    const choice = box.querySelector('[role=radiogroup][aria-label="Prove the split"]')!;
    await settle(() => choice.querySelector<HTMLInputElement>('input[value=never]')!.click());
    expect(session.draft!.prove).toBe('never');
    expect(box.querySelector('ol')!.textContent).not.toContain('split into');
    expect(box.textContent).toContain('Nothing is compared: the version has one task.');
  });
});
