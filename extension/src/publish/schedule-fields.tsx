/** When it runs by itself: presets, cron, zone, and what that comes to. */
import * as React from 'react';
import { Loading } from '../components/basics';
import { useTrans } from '../components/context';
import { Choice, Field } from '../components/field';
import { FiringList } from '../components/schedule';
import { ScheduleRulesFields } from '../components/schedule-rules';
import { isAboutTimes, problemAbout } from '../model/schedule';
import type { IPartProps } from './form';
import { presets } from './presets';

const BY_HAND = 'by-hand';
const OWN = 'own';

export function ScheduleFields({ session, draft, mistakes }: IPartProps): JSX.Element {
  const trans = useTrans();
  const known = presets(trans);
  const preset = known.find(one => one.cron === draft.cron.trim());
  const [own, setOwn] = React.useState(draft.scheduled && !preset);
  const value = !draft.scheduled ? BY_HAND : own || !preset ? OWN : preset.cron;
  const choose = (chosen: string): void => {
    setOwn(chosen === OWN);
    session.edit(
      chosen === BY_HAND
        ? { scheduled: false }
        : { scheduled: true, cron: chosen === OWN ? draft.cron : chosen }
    );
  };
  return (
    <fieldset>
      <legend>{trans.__('Schedule')}</legend>
      <Field label={trans.__('When it runs')}>
        {control => (
          <select {...control} value={value} onChange={event => choose(event.target.value)}>
            <option value={BY_HAND}>{trans.__('Only when somebody starts it')}</option>
            {known.map(one => (
              <option key={one.cron} value={one.cron}>
                {one.label}
              </option>
            ))}
            <option value={OWN}>{trans.__('Own schedule (cron)…')}</option>
          </select>
        )}
      </Field>
      {draft.scheduled && (
        <Timing session={session} draft={draft} mistakes={mistakes} withCron={value === OWN} />
      )}
    </fieldset>
  );
}

function Timing(props: IPartProps & { withCron: boolean }): JSX.Element {
  const trans = useTrans();
  const zones = React.useId();
  const { session, draft, mistakes, withCron } = props;
  const { preview, timezones } = session;
  const refused = preview.problem;
  const aboutZone = refused?.field?.endsWith('timezone') ?? false;
  const aboutTimes = refused !== null && isAboutTimes(refused.field);
  return (
    <>
      {withCron && (
        <Field
          label={trans.__('Cron')}
          optional={trans.__('minute hour day month weekday')}
          problem={
            mistakes['schedule.cron'] ?? (aboutZone || !aboutTimes ? null : refused?.message)
          }
        >
          {control => (
            <input
              type="text"
              {...control}
              className="jp-mod-code"
              spellCheck={false}
              value={draft.cron}
              onChange={event => session.edit({ cron: event.target.value })}
            />
          )}
        </Field>
      )}
      <Field
        label={trans.__('Time zone')}
        problem={
          mistakes['schedule.timezone'] ??
          (aboutTimes && (aboutZone || !withCron) ? refused?.message : null) ??
          (withCron ? null : mistakes['schedule.cron'])
        }
      >
        {control => (
          <>
            <input
              type="text"
              {...control}
              list={zones}
              spellCheck={false}
              value={draft.timezone}
              onChange={event => session.edit({ timezone: event.target.value })}
            />
            <datalist id={zones}>
              {(timezones.value ?? []).map(zone => (
                <option key={zone} value={zone} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <div className="jp-Galley-preview" aria-live="polite">
        {preview.value && preview.value.cron && !refused ? (
          <>
            <div>{preview.value.description}</div>
            <div className="jp-Galley-muted">{preview.value.clock_rule}</div>
            <FiringList firings={preview.value.firings} zone={preview.value.timezone} />
          </>
        ) : (
          !refused && <Loading lines={5} />
        )}
      </div>
      <div className="jp-Galley-fieldLabel" aria-hidden="true">
        {trans.__('After downtime')}
      </div>
      <Choice
        label={trans.__('After downtime')}
        value={draft.catchUp}
        options={[
          { value: 'latest', label: trans.__('Run the latest missed firing') },
          { value: 'all', label: trans.__('Run all of them') },
          { value: 'skip', label: trans.__('Skip missed firings') }
        ]}
        onChange={catchUp => session.edit({ catchUp })}
      />
      <ScheduleRulesFields
        rules={draft.rules}
        onChange={rules => session.edit({ rules })}
        schema={session.analysis.value?.parameters ?? null}
        problem={field => mistakes[`schedule.${field}`] ?? problemAbout(refused, field)}
      />
    </>
  );
}
