import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage, type } from '../../__tests__/galley';
import type { Action, SecretInfo } from '../../api/types';
import { SecretsOf } from '../secrets';

const LIST = 'GET tenants/oncology/secrets';
const SECRET: SecretInfo = {
  name: 'warehouse',
  personal: false,
  description: 'The reader',
  set_by: 'olga',
  set_at: '2026-11-20T09:00:00Z',
  last_used_at: null,
  last_used_by: null
};

afterEach(clear);

async function show(actions: Action[], items: SecretInfo[] = [SECRET]) {
  const scene = stage(
    {
      [LIST]: { items, next_cursor: null },
      'PUT tenants/oncology/secrets/warehouse': SECRET,
      'PUT tenants/oncology/personal-secrets/mail': { ...SECRET, personal: true },
      'DELETE tenants/oncology/secrets/warehouse': null
    },
    { actions }
  );
  const box = await draw(scene.galley, <SecretsOf tenant="oncology" title="Oncology" />);
  return { ...scene, box };
}

const field = (at: number): HTMLInputElement =>
  document.querySelectorAll<HTMLInputElement>('dialog input')[at];

describe('SecretsOf', () => {
  it('lists names, never a value, and says where none is yet', async () => {
    const { box } = await show(['read', 'secrets']);
    expect(box.querySelector('td')?.textContent).toBe('warehouse');
    expect(box.textContent).toContain('The reader');
    expect(box.textContent).toContain('never');
    await clear();
    expect((await show(['read'], [])).box.textContent).toContain('No secret yet.');
  });

  it('replaces a value, which is hidden while it is typed and gone afterwards', async () => {
    const { transport, told } = await show(['read', 'secrets']);
    await settle(() => button('Replace…').click());
    expect(field(0).readOnly).toBe(true);
    expect(field(1).type).toBe('password');
    expect(reasonOf('Replace the value')).toContain('value');
    await type(field(1), 'hunter2');
    await settle(() => button('Replace the value').click());
    expect(transport.asked.slice(1)).toEqual([
      {
        method: 'PUT',
        path: 'tenants/oncology/secrets/warehouse',
        body: { value: 'hunter2', description: 'The reader' }
      },
      { method: 'GET', path: 'tenants/oncology/secrets', body: null }
    ]);
    expect(told).toEqual(['“warehouse” is set.']);
    expect(document.body.innerHTML).not.toContain('hunter2');
  });

  it('sets one’s own value where the tenant’s is not one’s own to set', async () => {
    const { transport } = await show(['read', 'publish']);
    expect(reasonOf('Set a secret…')).toContain('operator');
    expect(reasonOf('Delete…')).toContain('operator');
    await settle(() => button('Set your own value…').click());
    await type(field(0), 'mail');
    await type(field(1), 'hunter2');
    await settle(() => button('Set').click());
    expect(transport.asked[1]).toMatchObject({
      method: 'PUT',
      path: 'tenants/oncology/personal-secrets/mail'
    });
  });

  it('keeps the dialog open with what was refused', async () => {
    const { told } = await show(['read', 'publish']);
    await settle(() => button('Set your own value…').click());
    await type(field(0), 'other');
    await type(field(1), 'hunter2');
    await settle(() => button('Set').click());
    expect(document.querySelector('dialog')?.textContent).toContain('No tenants/oncology');
    expect(told).toEqual([]);
  });

  it('deletes after it has said what will fail', async () => {
    const { transport } = await show(['read', 'secrets']);
    await settle(() => button('Delete…').click());
    expect(document.querySelector('dialog')?.textContent).toContain('fail from now on');
    await settle(() => button('Delete').click());
    expect(transport.asked[1]).toMatchObject({ method: 'DELETE' });
    expect(document.querySelector('dialog')).toBeNull();
  });
});
