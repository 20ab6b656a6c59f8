import { TableTransport } from '../../__tests__/galley';
import { version } from '../../__tests__/samples';
import { Client } from '../../api/client';
import { versionOf } from '../version';

describe('versionOf', () => {
  it('finds an old version behind many new ones', async () => {
    const path = 'GET tenants/lab/pipelines/risk/versions?limit=100';
    const transport = new TableTransport({
      [path]: { items: [version({ number: 9 }), version({ number: 8 })], next_cursor: 'c' },
      [`${path}&cursor=c`]: { items: [version({ number: 3 })], next_cursor: null }
    });
    const find = (number: number) => versionOf(new Client(transport), 'lab', 'risk', number);
    expect((await find(9))?.number).toBe(9);
    expect(transport.asked).toHaveLength(1);
    expect((await find(3))?.number).toBe(3);
    expect(await find(5)).toBeNull();
    expect(await find(1)).toBeNull();
  });
});
