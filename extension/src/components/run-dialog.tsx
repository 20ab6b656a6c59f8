/** Start a run: typed parameters, and the date that it is for. */
import * as React from 'react';
import { runIcon } from '@jupyterlab/ui-components';
import { Problem } from '../api/problem';
import type { Run, Version } from '../api/types';
import { Resource } from '../model/resource';
import { localInput } from '../model/schedule';
import { versionOf } from '../model/version';
import { Button, Loading, ProblemBox } from './basics';
import { useAction, useGalley, useModel } from './context';
import { Field } from './field';
import { Modal } from './modal';
import { Deadline, Whole } from './number-fields';
import { ParameterForm } from './parameter-form';

export interface IRunDialogProps {
  tenant: string;
  slug: string;
  version: number;
  initial?: Record<string, unknown>;
  /** The moment that it is for, where that is not the present one. */
  date?: string | null;
  /** Whether the run that is run again was incremental. */
  incremental?: boolean;
  /** Run it as oneself, whatever state the version is in. */
  trial?: boolean;
  onClose: () => void;
  onStarted: (run: Run) => void;
}

export function RunDialog(props: IRunDialogProps): JSX.Element {
  const { client, trans } = useGalley();
  const { tenant, slug, version } = props;
  const action = useAction();
  const found = useModel(() => {
    const resource = new Resource<Version>(async () => {
      const one = await versionOf(client, tenant, slug, version);
      if (!one) {
        throw new Error(trans.__('%1 has no version %2.', slug, version));
      }
      return one;
    });
    void resource.refresh();
    return resource;
  }, `${tenant}/${slug}/${version}`);
  const [values, setValues] = React.useState(props.initial ?? {});
  const [valid, setValid] = React.useState(true);
  const [date, setDate] = React.useState(localInput(props.date));
  const [deadline, setDeadline] = React.useState<number | null>(null);
  const [priority, setPriority] = React.useState<number | null>(null);
  const [incremental, setIncremental] = React.useState(props.incremental ?? false);
  const field = action.problem ? Problem.from(action.problem).field : null;
  const named = field?.startsWith('parameters.') ? field.slice('parameters.'.length) : null;
  const about = (name: string): string | null =>
    field === name ? Problem.from(action.problem).message : null;
  const shown = named ?? about('deadline_s') ?? about('priority');
  const start = (): void =>
    action.start(async () =>
      props.onStarted(
        await (props.trial ? client.startTrial : client.startRun)(tenant, slug, {
          version,
          parameters: values,
          logical_date: chosen(date, props.date),
          priority: priority ?? 0,
          deadline_s: deadline,
          incremental
        })
      )
    );
  return (
    <Modal
      title={
        props.trial
          ? trans.__('Try %1, version %2', slug, version)
          : trans.__('Run %1, version %2', slug, version)
      }
      onClose={props.onClose}
      footer={
        <>
          <Button label={trans.__('Cancel')} onClick={props.onClose} />
          <Button
            kind="accept"
            label={props.trial ? trans.__('Try it now') : trans.__('Run now')}
            icon={<runIcon.react tag="span" elementSize="normal" />}
            busy={action.busy}
            reason={valid ? null : trans.__('A parameter cannot be read: see its field.')}
            onClick={start}
          />
        </>
      }
    >
      {props.trial && (
        <p className="jp-Galley-muted">
          {trans.__(
            'It runs with your own rights: datasets read-only, no production secrets, its own MLflow experiment. Nothing about the version changes.'
          )}
        </p>
      )}
      <ProblemBox problem={found.problem} retry={() => void found.refresh()} />
      {found.value ? (
        <ParameterForm
          schema={found.value.analysis?.parameters}
          values={values}
          problems={named ? { [named]: Problem.from(action.problem).message } : {}}
          onChange={(next, readable) => {
            setValues(next);
            setValid(readable);
          }}
        />
      ) : (
        !found.problem && <Loading />
      )}
      {!props.trial && (
        <Field
          label={trans.__('Logical date')}
          optional={trans.__('your time zone')}
          help={trans.__('The moment the run is for. Leave it empty for now.')}
        >
          {control => (
            <input
              type="datetime-local"
              {...control}
              value={date}
              onChange={event => setDate(event.target.value)}
            />
          )}
        </Field>
      )}
      {!props.trial && (
        <Field
          label={trans.__('Tasks')}
          help={trans.__(
            'A task is taken over where its source, parameters, modules, environment and upstream tasks are those of an earlier incremental run. What it reads from elsewhere is not looked at.'
          )}
        >
          {control => (
            <label className="jp-Galley-check">
              <input
                type="checkbox"
                {...control}
                checked={incremental}
                onChange={event => setIncremental(event.target.checked)}
              />{' '}
              {trans.__('Execute only what has changed')}
            </label>
          )}
        </Field>
      )}
      <details
        className="jp-Galley-rules"
        open={Boolean(about('deadline_s') ?? about('priority')) || undefined}
      >
        <summary>{trans.__('Advanced')}</summary>
        <Deadline
          since={trans.__('From now on.')}
          value={deadline}
          problem={about('deadline_s')}
          onChange={setDeadline}
        />
        <Whole
          label={trans.__('Priority')}
          optional={trans.__('-100 to 100; more goes first')}
          value={priority}
          problem={about('priority')}
          onChange={setPriority}
        />
      </details>
      {!shown && <ProblemBox problem={action.problem} />}
    </Modal>
  );
}

/** The instant of a field, which has whole minutes: unless it was changed, the one it stands for. */
function chosen(field: string, given: string | null | undefined): string | null {
  if (given && field === localInput(given)) {
    return given;
  }
  return field ? new Date(field).toISOString() : null;
}
