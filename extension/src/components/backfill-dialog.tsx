/** Order a backfill: the range, what of it is to be run, and the dry run that says what comes. */
import * as React from 'react';
import { Problem } from '../api/problem';
import type { Backfill, BackfillPlan, BackfillRequest, Pipeline, Version } from '../api/types';
import { duration } from '../format/time';
import { may } from '../model/galley';
import { dayOf, endOf, moved, startOf, type Day } from '../model/calendar';
import { Resource } from '../model/resource';
import { versionOf } from '../model/version';
import { standingWord } from '../model/words';
import { Button, Loading, ProblemBox } from './basics';
import { useAction, useChanges, useGalley, useModel, useSettled } from './context';
import { Choice, Field } from './field';
import { Badge } from './glyph';
import { Modal } from './modal';
import { Deadline } from './number-fields';
import { ParameterForm } from './parameter-form';
import { wallClock } from './schedule';

const SHOWN = 8;

/** How long an entry rests before it is planned, milliseconds. */
const QUIET = 300;

const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

export function BackfillButton(props: {
  pipeline: Pipeline;
  onStarted: (backfill: Backfill) => void;
}): JSX.Element {
  const { me, trans } = useGalley();
  useChanges(me);
  const [asking, setAsking] = React.useState(false);
  const { pipeline } = props;
  const reason = !pipeline.live_version
    ? trans.__('No version is live yet.')
    : may(me.value, pipeline.tenant, 'run')
      ? null
      : trans.__('Your roles in %1 do not allow running pipelines.', pipeline.tenant);
  return (
    <>
      <Button
        label={trans.__('Backfill…')}
        title={trans.__('Run it for dates that have passed')}
        reason={reason}
        onClick={() => setAsking(true)}
      />
      {asking && (
        <BackfillDialog
          pipeline={pipeline}
          onClose={() => setAsking(false)}
          onStarted={started => {
            setAsking(false);
            props.onStarted(started);
          }}
        />
      )}
    </>
  );
}

export interface IBackfillDialogProps {
  pipeline: Pipeline;
  /** First and last day, as a date input writes them; default: the last seven days. */
  first?: Day;
  last?: Day;
  /** The zone whose days they are; default: the schedule's, else the reader's. */
  timezone?: string;
  onClose: () => void;
  onStarted: (backfill: Backfill) => void;
}

export function BackfillDialog(props: IBackfillDialogProps): JSX.Element {
  const { client, trans } = useGalley();
  const { pipeline } = props;
  const { tenant, slug } = pipeline;
  const action = useAction();
  const given = pipeline.schedule?.parameters ?? {};
  const zone = props.timezone ?? pipeline.schedule?.timezone ?? OWN_ZONE;
  const today = dayOf(new Date(), zone);
  const [first, setFirst] = React.useState(props.first ?? moved(today, -7));
  const [last, setLast] = React.useState(props.last ?? today);
  const [cron, setCron] = React.useState('0 6 * * *');
  const [only, setOnly] = React.useState<BackfillRequest['only']>('missing');
  const [order, setOrder] = React.useState<BackfillRequest['order']>('oldest');
  const [parallel, setParallel] = React.useState('1');
  const [stops, setStops] = React.useState(false);
  const [deadline, setDeadline] = React.useState<number | null>(null);
  const [values, setValues] = React.useState<Record<string, unknown>>({});
  const [valid, setValid] = React.useState(true);
  const version = useModel(() => {
    const resource = new Resource<Version | null>(async () =>
      pipeline.live_version ? versionOf(client, tenant, slug, pipeline.live_version) : null
    );
    void resource.refresh();
    return resource;
  }, `${tenant}/${slug}/${pipeline.live_version}`);
  const request: BackfillRequest = {
    start: startOf(first, zone)?.toISOString() ?? '',
    end: endOf(last, zone)?.toISOString() ?? '',
    cron: pipeline.schedule ? null : cron,
    timezone: pipeline.schedule ? null : zone,
    version: pipeline.live_version,
    only,
    order,
    parallel: Number(parallel),
    parameters: values,
    stop_at_first_failure: stops,
    deadline_s: deadline
  };
  const wish = JSON.stringify(request);
  const settled = useSettled(wish, QUIET);
  const plan = useModel(
    () => new Resource<BackfillPlan>(() => client.planBackfill(tenant, slug, request)),
    `${tenant}/${slug}`
  );
  React.useEffect(() => {
    const wanted = JSON.parse(settled) as BackfillRequest;
    void plan.reload(() => client.planBackfill(tenant, slug, wanted));
  }, [client, tenant, slug, plan, settled]);
  const looking = plan.loading || settled !== wish;
  const refused = plan.problem ?? (action.problem ? Problem.from(action.problem) : null);
  const field = refused?.field ?? null;
  const about = (name: string): string | null => (field === name ? refused!.message : null);
  const named = field?.startsWith('parameters.') ? field.slice('parameters.'.length) : null;
  const shown =
    ['start', 'end', 'parallel', 'cron', 'only', 'deadline_s'].includes(field ?? '') || named;
  const wanted = plan.value?.wanted ?? 0;
  const reason = !valid
    ? trans.__('A parameter cannot be read: see its field.')
    : plan.problem
      ? plan.problem.message
      : looking || !plan.value
        ? trans.__('The dates are being looked up.')
        : wanted === 0
          ? trans.__('No date is to be run.')
          : null;
  return (
    <Modal
      title={trans.__('Backfill %1', pipeline.name)}
      onClose={props.onClose}
      footer={
        <>
          <Button label={trans.__('Cancel')} onClick={props.onClose} />
          <Button
            kind="accept"
            label={trans._n('Run %1 date', 'Run %1 dates', wanted, wanted)}
            busy={action.busy}
            reason={reason}
            onClick={() =>
              action.start(async () =>
                props.onStarted(await client.startBackfill(tenant, slug, request))
              )
            }
          />
        </>
      }
    >
      <DayField
        label={trans.__('From')}
        zone={zone}
        value={first}
        problem={about('start')}
        onChange={setFirst}
      />
      <DayField
        label={trans.__('To')}
        zone={zone}
        value={last}
        problem={about('end')}
        onChange={setLast}
      />
      {!pipeline.schedule && (
        <Field
          label={trans.__('Cron')}
          optional={trans.__('minute hour day month weekday')}
          help={trans.__('The pipeline has no schedule to take the dates from.')}
          problem={about('cron')}
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
      )}
      <Choice
        label={trans.__('Which dates')}
        value={only ?? 'missing'}
        options={[
          { value: 'missing', label: trans.__('without a success') },
          { value: 'failed', label: trans.__('that failed') },
          { value: 'all', label: trans.__('all, again') }
        ]}
        onChange={setOnly}
      />
      <Choice
        label={trans.__('Order')}
        value={order ?? 'oldest'}
        options={[
          { value: 'oldest', label: trans.__('oldest first') },
          { value: 'newest', label: trans.__('newest first') }
        ]}
        onChange={setOrder}
      />
      <Field label={trans.__('Runs at the same time')} problem={about('parallel')}>
        {control => (
          <input
            type="number"
            min={1}
            max={100}
            {...control}
            value={parallel}
            onChange={event => setParallel(event.target.value)}
          />
        )}
      </Field>
      <label className="jp-Galley-row">
        <input type="checkbox" checked={stops} onChange={event => setStops(event.target.checked)} />
        <span>{trans.__('Stop at the first failure')}</span>
      </label>
      <Deadline
        since={trans.__('From when the run of a date is queued.')}
        value={deadline}
        problem={about('deadline_s')}
        onChange={setDeadline}
      />
      <ProblemBox problem={version.problem} retry={() => void version.refresh()} />
      {pipeline.schedule && Object.keys(given).length > 0 && (
        <p className="jp-Galley-muted">
          {trans.__('What you leave as it is comes from the schedule, for each date anew.')}
        </p>
      )}
      {version.value && (
        <ParameterForm
          schema={version.value.analysis?.parameters}
          given={given}
          values={values}
          problems={named ? { [named]: refused!.message } : {}}
          onChange={(next, readable) => {
            setValues(next);
            setValid(readable);
          }}
        />
      )}
      <div aria-live="polite" aria-busy={looking}>
        {plan.value && !plan.problem && <Plan plan={plan.value} />}
        {!plan.value && !plan.problem && <Loading lines={3} />}
      </div>
      {!shown && <ProblemBox problem={plan.problem} retry={() => void plan.refresh()} />}
      {!plan.problem && !shown && <ProblemBox problem={action.problem} />}
    </Modal>
  );
}

function DayField(props: {
  label: string;
  zone: string;
  value: string;
  problem: string | null;
  onChange: (value: string) => void;
}): JSX.Element {
  const { trans } = useGalley();
  return (
    <Field
      label={props.label}
      optional={trans.__('that day included, in %1', props.zone)}
      problem={props.problem}
    >
      {control => (
        <input
          type="date"
          {...control}
          value={props.value}
          onChange={event => props.onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

function Plan({ plan }: { plan: BackfillPlan }): JSX.Element {
  const { trans } = useGalley();
  const wanted = plan.dates.filter(one => one.wanted).slice(0, SHOWN);
  return (
    <>
      <p>
        {trans.__(
          '%1 of %2 dates would be run with version %3, %4 at a time; %5 have succeeded, %6 failed.',
          plan.wanted,
          plan.total,
          plan.version,
          plan.parallel,
          plan.succeeded,
          plan.failed
        )}{' '}
        {plan.wanted > 0 &&
          (typeof plan.duration_s === 'number'
            ? trans.__('It takes about %1.', duration(trans, plan.duration_s))
            : trans.__('Nobody knows how long it takes: no run has succeeded yet.'))}
      </p>
      {plan.removed > 0 && (
        <p className="jp-Galley-muted">
          {trans._n(
            'The runs of %1 date are not kept any more: only “all, again” runs it.',
            'The runs of %1 dates are not kept any more: only “all, again” runs them.',
            plan.removed
          )}
        </p>
      )}
      {plan.paused > 0 && (
        <p className="jp-Galley-muted">
          {trans._n(
            'The schedule was paused at %1 date: only “all, again” runs it.',
            'The schedule was paused at %1 dates: only “all, again” runs them.',
            plan.paused
          )}
        </p>
      )}
      <ol className="jp-Galley-firings">
        {wanted.map(one => (
          <li key={one.logical_date}>
            <span>{wallClock(one.local)}</span>
            <Badge word={standingWord(trans, one.standing)} />
          </li>
        ))}
      </ol>
      {plan.wanted > wanted.length && (
        <p className="jp-Galley-muted">{trans.__('… and %1 more', plan.wanted - wanted.length)}</p>
      )}
    </>
  );
}
