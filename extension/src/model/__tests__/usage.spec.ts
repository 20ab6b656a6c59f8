import { FakeEvents } from '../../__tests__/galley';
import type { EventStream } from '../../api/events';
import type { AttemptUsage, Usage } from '../../api/types';
import { cpuOf, joined, latest, memoryOf, thinned, topOf, UsageModel } from '../usage';

const at = (second: number): string => new Date(Date.UTC(2026, 10, 20, 9, 0, second)).toISOString();
const point = (second: number, memory: number, cpu_s: number): Usage => ({
  at: at(second),
  memory,
  cpu_s
});
const usage = (...points: Usage[]): AttemptUsage => ({
  attempt: 1,
  memory: 1000,
  cpu: 2,
  ended: false,
  tasks: [{ task: 'fit', points }]
});

describe('what tasks use', () => {
  it('becomes memory and busy cores over the seconds of the task', () => {
    const points = [point(0, 5, 1), point(2, 9, 4), point(4, 7, 0.5)];
    expect(memoryOf(points)).toEqual([
      { seconds: 0, value: 5 },
      { seconds: 2, value: 9 },
      { seconds: 4, value: 7 }
    ]);
    expect(cpuOf(points)).toEqual([
      { seconds: 2, value: 1.5 },
      { seconds: 4, value: 0 }
    ]);
  });

  it('shows the limit where it is near, and the use where it is not', () => {
    const samples = [{ seconds: 0, value: 100 }];
    expect(topOf(samples, 400)).toEqual({ top: 432, limited: true });
    expect(topOf(samples, 4000)).toEqual({ top: 125, limited: false });
  });

  it('keeps the peaks when it is thinned for a table', () => {
    const samples = Array.from({ length: 100 }, (_, i) => ({
      seconds: i,
      value: i === 37 ? 9 : 1
    }));
    const few = thinned(samples, 10);
    expect(few).toHaveLength(10);
    expect(few.map(sample => sample.value)).toContain(9);
  });

  it('asks only for what is new, and keeps what it has', async () => {
    const asked: (string | null)[] = [];
    const answers = [usage(point(0, 1, 0), point(1, 2, 1)), usage(point(2, 3, 2)), usage()];
    const events = new FakeEvents();
    const model = new UsageModel(
      after => {
        asked.push(after);
        return Promise.resolve(answers[asked.length - 1]);
      },
      'r-1',
      events as unknown as EventStream
    );
    await model.pull();
    events.received.emit({ kind: 'resources.grew', subject: 'another' });
    expect(asked).toHaveLength(1);
    events.received.emit({ kind: 'resources.grew', subject: 'r-1' });
    await model.pull();
    await new Promise(resolve => setTimeout(resolve));
    expect(asked).toEqual([null, at(1), at(2)]);
    expect(model.value?.tasks[0].points.map(one => one.memory)).toEqual([1, 2, 3]);
    expect(latest(joined(null, usage()))).toBeNull();
  });
});
