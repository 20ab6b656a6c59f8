import * as React from 'react';
import { clear, draw, settle, stage, type } from '../../__tests__/galley';
import type { ParameterSchema } from '../../api/types';
import { ParameterForm } from '../parameter-form';

afterEach(clear);

async function show(properties: ParameterSchema['properties']) {
  const said: { values: Record<string, unknown>; valid: boolean }[] = [];
  const box = await draw(
    stage().galley,
    <ParameterForm
      schema={{ properties, required: [] }}
      values={{}}
      onChange={(values, valid) => void said.push({ values, valid })}
    />
  );
  return { box, last: () => said[said.length - 1] };
}

async function choose(select: HTMLSelectElement, label: string): Promise<void> {
  await settle(() => {
    const option = [...select.options].find(one => one.textContent === label)!;
    Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value')?.set?.call(
      select,
      option.value
    );
    select.dispatchEvent(new Event('change', { bubbles: true }));
  });
}

describe('ParameterForm', () => {
  it('shows the texts of a choice and takes its values', async () => {
    const { box, last } = await show({
      kind: { type: 'integer', enum: [1, 2], 'x-labels': ['Cox', 'Weibull'], default: 1 }
    });
    const select = box.querySelector('select')!;
    expect(select.selectedOptions[0].textContent).toBe('Cox');
    await choose(select, 'Weibull');
    expect(last()).toEqual({ values: { kind: 2 }, valid: true });
  });

  it('offers the entries of a list as boxes to tick, in their order', async () => {
    const { box, last } = await show({
      sites: { type: 'array', items: { enum: ['lung', 'breast', 'colon'] }, default: ['colon'] }
    });
    const boxes = [...box.querySelectorAll<HTMLInputElement>('[role=group] input')];
    expect(boxes.map(one => one.checked)).toEqual([false, false, true]);
    await settle(() => boxes[0].click());
    expect(last()).toEqual({ values: { sites: ['lung', 'colon'] }, valid: true });
  });

  it('picks dates with the browser’s own picker', async () => {
    const { box, last } = await show({
      since: { type: 'string', format: 'date', default: '2026-01-01' }
    });
    const field = box.querySelector<HTMLInputElement>('input[type=date]')!;
    await type(field, '2026-02-03');
    expect(last()).toEqual({ values: { since: '2026-02-03' }, valid: true });
  });

  it('does not slide where a step would be lost between the bounds', async () => {
    const { box } = await show({
      seed: { type: 'integer', minimum: 0, maximum: 4294967295, default: 7 }
    });
    expect(box.querySelector('input[type=range]')).toBeNull();
    expect(box.querySelector<HTMLInputElement>('input[type=text]')!.value).toBe('7');
  });

  it('slides between the bounds of a number, and says what lies outside', async () => {
    const { box, last } = await show({
      depth: { type: 'integer', minimum: 1, maximum: 9, default: 3 }
    });
    await type(box.querySelector<HTMLInputElement>('input[type=range]')!, '7');
    expect(last()).toEqual({ values: { depth: 7 }, valid: true });
    await type(box.querySelector<HTMLInputElement>('input[type=text]')!, '12');
    expect(last().valid).toBe(false);
    expect(box.querySelector('[role=alert]')!.textContent).toBe('From 1 to 9.');
  });
});
