/** Change a schedule by hand: possible where no gate asks for a review of it. */
import * as React from 'react';
import { Problem } from '../api/problem';
import type { ISchedulePreview, ParameterSchema, Pipeline } from '../api/types';
import { may, tenantOf } from '../model/galley';
import { Resource } from '../model/resource';
import { versionOf } from '../model/version';
import { isAboutTimes, problemAbout, rulesOf } from '../model/schedule';
import { Button, Loading, ProblemBox } from './basics';
import { useAction, useChanges, useGalley, useModel } from './context';
import { Choice, Field } from './field';
import { Modal } from './modal';
import { FiringList } from './schedule';
import { ScheduleRulesFields } from './schedule-rules';

interface IProps {
  pipeline: Pipeline;
  onChanged: (pipeline: Pipeline) => void;
}

export function ChangeScheduleButton(props: IProps): JSX.Element | null {
  const galley = useGalley();
  const { me, trans } = galley;
  useChanges(me);
  const [asking, setAsking] = React.useState(false);
  const { tenant, slug, schedule } = props.pipeline;
  const gates = tenantOf(me.value, tenant)?.gates ?? [];
  const label = schedule ? trans.__('Change schedule…') : trans.__('Add a schedule…');
  if (!galley.decidesHere) {
    return gates.length > 0 ? null : (
      <Button
        label={label}
        title={trans.__('Opens Galley’s own window: this lab’s token may not do that.')}
        onClick={() => galley.openWindow({ kind: 'pipeline', tenant, slug, tab: 'settings' })}
      />
    );
  }
  const reason =
    gates.length > 0
      ? trans.__('In %1 a schedule is reviewed: publish a version that carries it.', tenant)
      : !props.pipeline.live_version
        ? trans.__('No version is live yet.')
        : may(me.value, tenant, 'operate')
          ? null
          : trans.__('Your roles in %1 do not allow changing schedules.', tenant);
  return (
    <>
      <Button label={label} reason={reason} onClick={() => setAsking(true)} />
      {asking && (
        <ScheduleDialog
          {...props}
          onClose={() => setAsking(false)}
          onChanged={pipeline => {
            setAsking(false);
            props.onChanged(pipeline);
          }}
        />
      )}
    </>
  );
}

function ScheduleDialog(props: IProps & { onClose: () => void }): JSX.Element {
  const { client, trans } = useGalley();
  const { tenant, slug, schedule, live_version } = props.pipeline;
  const action = useAction();
  const zones = React.useId();
  const [cron, setCron] = React.useState(schedule?.cron ?? '0 6 * * *');
  const [zone, setZone] = React.useState(
    schedule?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  );
  const known = useModel(() => {
    const resource = new Resource<string[]>(client.timezones);
    void resource.refresh();
    return resource;
  }, 'zones');
  const [catchUp, setCatchUp] = React.useState(schedule?.catch_up ?? 'latest');
  const [rules, setRules] = React.useState(rulesOf(schedule));
  const live = useModel(() => {
    const resource = new Resource<ParameterSchema | null>(async () => {
      const version = live_version ? await versionOf(client, tenant, slug, live_version) : null;
      return version?.analysis?.parameters ?? null;
    });
    void resource.refresh();
    return resource;
  }, `${tenant}/${slug}`);
  const preview = useModel(
    () => {
      const resource = new Resource<ISchedulePreview>(() =>
        client.previewSchedule(cron, zone, 5, { ...rules, parameter_schema: live.value })
      );
      void resource.refresh();
      return resource;
    },
    JSON.stringify([cron, zone, rules, live.value])
  );
  const refused = preview.problem ?? (action.problem ? Problem.from(action.problem) : null);
  const aboutZone = refused?.field?.endsWith('timezone') ?? false;
  const aboutCron = !aboutZone && isAboutTimes(refused?.field);
  return (
    <Modal
      title={trans.__('Schedule of %1', props.pipeline.name)}
      onClose={props.onClose}
      footer={
        <>
          <Button label={trans.__('Cancel')} onClick={props.onClose} />
          <Button
            kind="accept"
            label={trans.__('Set schedule')}
            busy={action.busy}
            reason={preview.problem ? preview.problem.message : null}
            onClick={() =>
              action.start(async () =>
                props.onChanged(
                  await client.setSchedule(tenant, slug, {
                    ...rules,
                    cron,
                    timezone: zone,
                    catch_up: catchUp
                  })
                )
              )
            }
          />
        </>
      }
    >
      <Field
        label={trans.__('Cron')}
        optional={trans.__('minute hour day month weekday')}
        problem={refused && aboutCron && preview.problem ? refused.message : null}
      >
        {control => (
          <input
            type="text"
            {...control}
            spellCheck={false}
            value={cron}
            onChange={event => setCron(event.target.value)}
          />
        )}
      </Field>
      <Field label={trans.__('Time zone')} problem={aboutZone ? refused?.message : null}>
        {control => (
          <>
            <input
              type="text"
              {...control}
              list={zones}
              spellCheck={false}
              value={zone}
              onChange={event => setZone(event.target.value)}
            />
            <datalist id={zones}>
              {(known.value ?? []).map(name => (
                <option key={name} value={name} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <div aria-live="polite">
        {preview.value ? (
          <>
            <p>
              {preview.value.description}{' '}
              <span className="jp-Galley-muted">{preview.value.clock_rule}</span>
            </p>
            <FiringList firings={preview.value.firings} zone={preview.value.timezone} />
          </>
        ) : (
          !preview.problem && <Loading lines={5} />
        )}
      </div>
      <div className="jp-Galley-field">
        <div className="jp-Galley-fieldLabel" aria-hidden="true">
          {trans.__('After downtime')}
        </div>
        <Choice
          label={trans.__('After downtime')}
          value={catchUp}
          options={[
            { value: 'latest', label: trans.__('Run the latest missed firing') },
            { value: 'all', label: trans.__('Run all of them') },
            { value: 'skip', label: trans.__('Skip missed firings') }
          ]}
          onChange={setCatchUp}
        />
      </div>
      <ScheduleRulesFields
        rules={rules}
        onChange={setRules}
        schema={live.value}
        problem={field => problemAbout(refused, field)}
      />
      <ProblemBox problem={action.problem} />
    </Modal>
  );
}
