/** The rules of a schedule in words; only those that are not as they usually are. */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Schedule } from '../api/types';
import { minutesOf } from '../model/schedule';
import { Moment } from './basics';

type Facts = [string, React.ReactNode][];

export function ruleFacts(trans: TranslationBundle, schedule: Schedule): Facts {
  const overlaps = {
    allow: null,
    skip: trans.__('the new run is skipped'),
    queue: trans.__('the new run waits until the earlier one has ended'),
    cancel_previous: trans.__('the earlier run is cancelled')
  };
  const found: [string, React.ReactNode | null | false][] = [
    [trans.__('Overlap'), overlaps[schedule.overlap]],
    [
      trans.__('Depends on the past'),
      schedule.depends_on_past && trans.__('a run waits until the one before has succeeded')
    ],
    [trans.__('Starts'), schedule.start && <Moment at={schedule.start} />],
    [trans.__('Ends'), schedule.end && <Moment at={schedule.end} />],
    [
      trans.__('Jitter'),
      schedule.jitter_s > 0 && trans.__('up to %1 minutes', minutesOf(schedule.jitter_s))
    ],
    [
      trans.__('Deadline'),
      schedule.deadline_s && trans.__('%1 minutes after it is due', minutesOf(schedule.deadline_s))
    ],
    [trans.__('Priority'), schedule.priority !== 0 && String(schedule.priority)],
    [trans.__('Runs at the same time'), schedule.max_active_runs],
    [trans.__('Holds since'), <Moment key="since" at={schedule.since} />],
    ...Object.entries(schedule.parameters ?? {}).map(([name, value]): [string, React.ReactNode] => [
      name,
      <code key={name}>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
    ])
  ];
  return found.filter((fact): fact is [string, React.ReactNode] => Boolean(fact[1]));
}
