/** What a schedule has beyond its times: start and end, overlap, limits, own parameters. */
import * as React from 'react';
import type { ParameterSchema } from '../api/types';
import { localInput, type ScheduleRules } from '../model/schedule';
import { useTrans } from './context';
import { Field } from './field';
import { Deadline, Minutes, Whole, type IValue } from './number-fields';
import { TemplateFields } from './template-fields';

interface IProps {
  rules: ScheduleRules;
  onChange: (rules: ScheduleRules) => void;
  /** Parameters that the scheduled runs may be given. */
  schema: ParameterSchema | null;
  /** The mistake about a field, by its name in the request. */
  problem: (field: string) => string | null;
}

export function ScheduleRulesFields(props: IProps): JSX.Element {
  const trans = useTrans();
  const { rules, problem } = props;
  const set = (change: ScheduleRules): void => props.onChange({ ...rules, ...change });
  return (
    <details className="jp-Galley-rules">
      <summary>{trans.__('Advanced')}</summary>
      <OverlapField {...props} set={set} />
      <label className="jp-Galley-check">
        <input
          type="checkbox"
          checked={rules.depends_on_past ?? false}
          onChange={event => set({ depends_on_past: event.target.checked })}
        />{' '}
        {trans.__('Wait until the run before has succeeded')}
      </label>
      <Whole
        label={trans.__('Missed firings to run')}
        optional={trans.__('at most, where all of them are')}
        value={rules.catch_up_limit}
        problem={problem('catch_up_limit')}
        onChange={limit => set({ catch_up_limit: limit ?? 100 })}
      />
      <Instant
        label={trans.__('No firing before')}
        value={rules.start}
        problem={problem('start')}
        onChange={start => set({ start })}
      />
      <Instant
        label={trans.__('No firing after')}
        value={rules.end}
        problem={problem('end')}
        onChange={end => set({ end })}
      />
      <Minutes
        label={trans.__('Jitter')}
        help={trans.__('Each firing is up to so much late, always the same for one firing.')}
        value={rules.jitter_s}
        problem={problem('jitter_s')}
        onChange={seconds => set({ jitter_s: seconds ?? 0 })}
      />
      <Deadline
        since={trans.__('From when a run is due.')}
        value={rules.deadline_s}
        problem={problem('deadline_s')}
        onChange={seconds => set({ deadline_s: seconds })}
      />
      <Whole
        label={trans.__('Priority')}
        optional={trans.__('-100 to 100; more goes first')}
        value={rules.priority}
        problem={problem('priority')}
        onChange={priority => set({ priority: priority ?? 0 })}
      />
      <Whole
        label={trans.__('Runs at the same time')}
        optional={trans.__('of this pipeline, at most')}
        value={rules.max_active_runs}
        problem={problem('max_active_runs')}
        onChange={limit => set({ max_active_runs: limit })}
      />
      <TemplateFields
        title={trans.__('Parameters of scheduled runs')}
        schema={props.schema}
        values={rules.parameters ?? {}}
        onChange={parameters => set({ parameters })}
        problem={name => problem(`parameters.${name}`)}
      />
    </details>
  );
}

type ISetting = IProps & { set: (change: ScheduleRules) => void };

function OverlapField({ rules, set, problem }: ISetting): JSX.Element {
  const trans = useTrans();
  return (
    <Field label={trans.__('While an earlier run is still going')} problem={problem('overlap')}>
      {control => (
        <select
          {...control}
          value={rules.overlap ?? 'allow'}
          onChange={event => set({ overlap: event.target.value as ScheduleRules['overlap'] })}
        >
          <option value="allow">{trans.__('Run beside it')}</option>
          <option value="queue">{trans.__('Wait until it has ended')}</option>
          <option value="skip">{trans.__('Skip the new one')}</option>
          <option value="cancel_previous">{trans.__('Cancel the earlier one')}</option>
        </select>
      )}
    </Field>
  );
}

function Instant(props: IValue<string>): JSX.Element {
  const trans = useTrans();
  return (
    <Field label={props.label} optional={trans.__('by your clock')} problem={props.problem}>
      {control => (
        <input
          type="datetime-local"
          {...control}
          value={localInput(props.value)}
          onChange={event => {
            const at = new Date(event.target.value);
            props.onChange(Number.isNaN(at.getTime()) ? null : at.toISOString());
          }}
        />
      )}
    </Field>
  );
}
