import * as React from 'react';
import { clear, draw, settle, stage, type } from '../../__tests__/galley';
import type { ParameterSchema } from '../../api/types';
import { problemAbout, rulesOf, type ScheduleRules } from '../../model/schedule';
import { ScheduleRulesFields } from '../schedule-rules';

afterEach(clear);

const schema: ParameterSchema = {
  required: [],
  properties: { day: { type: 'string' }, depth: { type: 'integer', default: 3 } }
};

function field(label: string): HTMLInputElement {
  const found = [...document.querySelectorAll('label')].find(one =>
    one.textContent?.startsWith(label)
  );
  return document.getElementById(found!.htmlFor) as HTMLInputElement;
}

async function show(
  rules: ScheduleRules,
  refused: { field: string; message: string } | null = null
) {
  let now = rules;
  function Form(): JSX.Element {
    const [kept, keep] = React.useState(rules);
    now = kept;
    return (
      <ScheduleRulesFields
        rules={kept}
        onChange={keep}
        schema={schema}
        problem={name => problemAbout(refused, name)}
      />
    );
  }
  await draw(stage({}).galley, <Form />);
  return () => now;
}

describe('ScheduleRulesFields', () => {
  it('speaks minutes and sends seconds', async () => {
    const rules = await show({ jitter_s: 90 });
    expect(field('Jitter').value).toBe('1.5');
    await type(field('Deadline'), '0.5');
    expect(rules()).toMatchObject({ jitter_s: 90, deadline_s: 30 });
    await type(field('Deadline'), '');
    expect(rules().deadline_s).toBeNull();
  });

  it('keeps templates by the name of their parameter, and drops an empty one', async () => {
    const rules = await show({ parameters: { depth: 4 } });
    expect(field('depth').value).toBe('4');
    await type(field('day'), '{{ logical_date | date }}');
    await type(field('depth'), '');
    expect(rules().parameters).toEqual({ day: '{{ logical_date | date }}' });
  });

  it('shows a refusal beside its field', async () => {
    await show({}, { field: 'schedule.parameters.day', message: 'a loop is not allowed' });
    expect(field('day').getAttribute('aria-invalid')).toBe('true');
    expect(field('Jitter').getAttribute('aria-invalid')).toBeNull();
  });

  it('chooses what happens to overlapping runs', async () => {
    const rules = await show({});
    const choice = field('While an earlier run') as unknown as HTMLSelectElement;
    expect(choice.value).toBe('allow');
    await settle(() => {
      choice.value = 'queue';
      choice.dispatchEvent(new Event('change', { bubbles: true }));
    });
    expect(rules().overlap).toBe('queue');
  });
});

describe('rulesOf', () => {
  it('goes on with what a schedule has, and not with its times', () => {
    const schedule = { cron: '@daily', timezone: 'UTC', priority: 3, overlap: 'skip' as const };
    expect(rulesOf(schedule)).toEqual({ priority: 3, overlap: 'skip' });
    expect(rulesOf(null)).toEqual({});
  });
});
