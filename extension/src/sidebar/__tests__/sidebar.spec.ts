import { stage } from '../../__tests__/galley';
import type { Pipeline, Run } from '../../api/types';
import { pipelineMenu, runMenu, type IEntry } from '../menu';
import { matches, running } from '../model';

const run = (change: Partial<Run>): Run =>
  ({
    id: 'r',
    tenant: 'oncology',
    pipeline: 'report',
    state: 'failed',
    cancel_requested: false,
    ...change
  }) as Run;

const pipeline = (change: Partial<Pipeline>): Pipeline =>
  ({
    tenant: 'oncology',
    slug: 'report',
    name: 'Report',
    live_version: 3,
    schedule: null,
    ...change
  }) as Pipeline;

function entry(entries: IEntry[], label: string): IEntry {
  const found = entries.find(one => one.label === label);
  if (!found) {
    throw new Error(`no “${label}” among ${entries.map(one => one.label).join(', ')}`);
  }
  return found;
}

describe('the filter', () => {
  it('wants each of its words somewhere', () => {
    expect(matches('', 'Report')).toBe(true);
    expect(matches('week ada', 'Weekly report', 'ada')).toBe(true);
    expect(matches('week bob', 'Weekly report', 'ada')).toBe(false);
  });
});

describe('runs', () => {
  it('come with those under way first, otherwise as they came', () => {
    const states = (['failed', 'running', 'succeeded', 'queued'] as const).map(state =>
      run({ state })
    );
    expect(running(states).map(one => one.state)).toEqual([
      'running',
      'queued',
      'failed',
      'succeeded'
    ]);
  });
});

describe('the menus', () => {
  it('say why something cannot be done', () => {
    const { galley } = stage({}, { actions: ['read'] });
    expect(entry(pipelineMenu(galley, pipeline({})), 'Run now').reason).toContain('roles');
    const none = pipelineMenu(galley, pipeline({ live_version: null }));
    expect(entry(none, 'Run now').reason).toBe('no version is live');
    const done = runMenu(galley, run({ state: 'succeeded' }));
    expect(entry(done, 'Retry').reason).toBe('only a failed run is retried');
  });

  it('start a run of the live version and go there', async () => {
    const { galley, transport, went } = stage(
      { 'POST tenants/oncology/pipelines/report/runs': { id: 'new' } },
      { actions: ['read', 'run'] }
    );
    entry(pipelineMenu(galley, pipeline({})), 'Run now').run();
    await new Promise(resolve => setTimeout(resolve));
    expect(transport.asked).toHaveLength(1);
    expect(went).toEqual([{ kind: 'run', id: 'new' }]);
  });

  it('open the service’s own window for what the lab may not do', () => {
    const { galley, opened } = stage({}, { actions: ['read', 'run'] });
    const schedule = { paused: false } as Pipeline['schedule'];
    entry(pipelineMenu(galley, pipeline({ schedule })), 'Pause schedule…').run();
    entry(pipelineMenu(galley, pipeline({})), 'Roll back…').run();
    expect(opened.map(place => place.kind === 'pipeline' && place.tab)).toEqual([
      'settings',
      'versions'
    ]);
  });

  it('tell what the service refuses', async () => {
    const { galley, told } = stage({}, { actions: ['read', 'run'] });
    entry(runMenu(galley, run({})), 'Retry').run();
    await new Promise(resolve => setTimeout(resolve));
    expect(told).toEqual(['no runs/r/retry']);
  });
});
