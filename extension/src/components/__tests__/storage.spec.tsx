import * as React from 'react';
import { clear, draw, stage } from '../../__tests__/galley';
import { StorageOf } from '../storage';

afterEach(clear);

const MIB = 2 ** 20;
const DISK = {
  tenant: 'oncology',
  notebooks: 3 * MIB,
  tracked: MIB,
  logs: MIB,
  blobs: MIB,
  mirror: 0,
  total: 6 * MIB,
  limit: 8 * MIB
};

async function show(report: object): Promise<HTMLElement> {
  const { galley } = stage({
    'GET tenants/oncology/disk': DISK,
    'GET tenants/oncology/retention': { tenant: 'oncology', dry_run: true, more: false, ...report }
  });
  return draw(galley, <StorageOf tenant="oncology" title="Oncology" />);
}

describe('StorageOf', () => {
  it('tells what is on disk, what goes when, and what goes next', async () => {
    const box = await show({
      policy: { files: { succeeded: 90 }, runs: { skipped: 30 }, latest: 5 },
      pipelines: [{ pipeline: 'daily', files: 7, runs: 2, size: 5 * MIB }]
    });
    expect(box.textContent).toContain('6 MiB on disk');
    expect(box.textContent).toContain('4 MiB of the 8 MiB');
    expect(box.textContent).toContain('Succeeded: logs and notebooks go after 90 days.');
    expect(box.textContent).toContain('Skipped: the run itself goes after 30 days.');
    expect(box.textContent).toContain('The latest 5 runs');
    expect(box.querySelector('tbody')?.textContent).toBe('daily7 runs25 MiB');
  });

  it('says so where everything is kept', async () => {
    const box = await show({ policy: { files: {}, runs: {}, latest: 10 }, pipelines: [] });
    expect(box.textContent).toContain('Everything is kept for ever');
    expect(box.textContent).toContain('Nothing is old enough to go.');
  });
});
