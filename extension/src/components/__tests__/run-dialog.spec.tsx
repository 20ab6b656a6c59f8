import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage, type } from '../../__tests__/galley';
import { analysis, run, version } from '../../__tests__/samples';
import type { Run } from '../../api/types';
import { RunDialog } from '../run-dialog';

afterEach(clear);

const START = 'POST tenants/oncology/pipelines/risk/runs';

async function show() {
  const one = version({
    number: 2,
    analysis: analysis({
      parameters: {
        required: [],
        properties: {
          depth: { type: 'integer', default: 3, maximum: 9, description: 'of each tree' },
          name: { type: 'string', default: 'weekly' }
        }
      }
    })
  });
  const scene = stage({
    'GET tenants/oncology/pipelines/risk/versions?limit=100': { items: [one] },
    [START]: run({ id: 'r-9' })
  });
  const started: Run[] = [];
  await draw(
    scene.galley,
    <RunDialog
      tenant="oncology"
      slug="risk"
      version={2}
      onClose={() => undefined}
      onStarted={begun => void started.push(begun)}
    />
  );
  return { ...scene, started };
}

function field(label: string): HTMLInputElement {
  const found = [...document.querySelectorAll('label')].find(one =>
    one.textContent?.startsWith(label)
  );
  return document.getElementById(found!.htmlFor) as HTMLInputElement;
}

describe('RunDialog', () => {
  it('sends only what differs from the notebook’s own values, typed', async () => {
    const { transport, started } = await show();
    await type(field('depth'), '5');
    await settle(() => button('Run now').click());
    expect(transport.asked[transport.asked.length - 1].body).toEqual({
      version: 2,
      parameters: { depth: 5 },
      logical_date: null,
      priority: 0,
      deadline_s: null,
      incremental: false
    });
    expect(started.map(one => one.id)).toEqual(['r-9']);
  });

  it('starts an incremental run where that is wanted', async () => {
    const { transport } = await show();
    await settle(() => field('Tasks').click());
    await settle(() => button('Run now').click());
    expect(transport.asked[transport.asked.length - 1].body).toMatchObject({ incremental: true });
  });

  it('sends a deadline in seconds and shows a refusal beside its field', async () => {
    const { transport } = await show();
    transport.refusals[START] = { detail: 'too long', field: 'deadline_s' };
    await type(field('Deadline'), '1.5');
    await type(field('Priority'), '7');
    await settle(() => button('Run now').click());
    expect(transport.asked[transport.asked.length - 1].body).toMatchObject({
      priority: 7,
      deadline_s: 90
    });
    expect(document.querySelector('.jp-Galley-fieldProblem')!.textContent).toContain('too long');
  });

  it.each([
    ['many', 'Write a whole number'],
    ['10', 'At most 9.']
  ])('does not start with depth = %s and says why beside the field', async (text, words) => {
    const { transport } = await show();
    await type(field('depth'), text);
    expect(field('depth').getAttribute('aria-invalid')).toBe('true');
    expect(document.querySelector('.jp-Galley-fieldProblem')!.textContent).toContain(words);
    expect(reasonOf('Run now')).toContain('cannot be read');
    await settle(() => button('Run now').click());
    expect(transport.asked.filter(one => one.method === 'POST')).toEqual([]);
  });
});
