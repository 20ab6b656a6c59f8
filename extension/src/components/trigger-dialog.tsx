/** Add a trigger, or change one: what it waits for, and the parameters of the runs that it starts. */
import * as React from 'react';
import { Problem } from '../api/problem';
import type { ParameterSchema, Pipeline, Trigger, TriggerMade } from '../api/types';
import { Resource } from '../model/resource';
import {
  draftOf,
  fieldOf,
  isInterval,
  sourceOf,
  suggestedName,
  type ITriggerDraft,
  type TriggerField
} from '../model/trigger';
import { versionOf } from '../model/version';
import { Button, ProblemBox } from './basics';
import { useAction, useGalley, useModel } from './context';
import { Choice, Field } from './field';
import { Modal } from './modal';
import { Deadline } from './number-fields';
import { TemplateFields } from './template-fields';
import { FileFields, UpstreamField } from './trigger-fields';

export function TriggerDialog(props: {
  pipeline: Pipeline;
  /** The one that is changed; null: a new one. */
  trigger: Trigger | null;
  onClose: () => void;
  onDone: (made: TriggerMade) => void;
}): JSX.Element {
  const { client, trans } = useGalley();
  const { pipeline, trigger } = props;
  const { tenant, slug } = pipeline;
  const action = useAction();
  const [draft, setDraft] = React.useState(() => draftOf(trigger));
  const [typedName, setName] = React.useState<string | null>(trigger?.name ?? null);
  const name = typedName ?? suggestedName(draft);
  const set = (change: Partial<ITriggerDraft>): void => {
    action.clear();
    setDraft({ ...draft, ...change });
  };
  const number = pipeline.live_version ?? pipeline.latest_version;
  const schema = useModel(() => {
    const resource = new Resource<ParameterSchema | null>(async () => {
      const version = number ? await versionOf(client, tenant, slug, number) : null;
      return version?.analysis?.parameters ?? null;
    });
    void resource.refresh();
    return resource;
  }, `${tenant}/${slug}/${number}`);
  const refused = action.problem ? Problem.from(action.problem) : null;
  const field = fieldOf(refused?.field);
  const about = (one: TriggerField): string | null => (field === one ? refused!.message : null);
  const request = {
    source: sourceOf(draft),
    parameters: draft.parameters,
    deadline_s: draft.deadline
  };
  const send = async (): Promise<TriggerMade> =>
    trigger
      ? { trigger: await client.changeTrigger(tenant, slug, name, request) }
      : client.addTrigger(tenant, slug, { ...request, name: name.trim() });
  return (
    <Modal
      title={
        trigger
          ? trans.__('Change the trigger “%1”', name)
          : trans.__('Add a trigger to %1', pipeline.name)
      }
      onClose={props.onClose}
      footer={
        <>
          <Button label={trans.__('Cancel')} onClick={props.onClose} />
          <Button
            kind="accept"
            label={trigger ? trans.__('Change it from now on') : trans.__('Add the trigger')}
            busy={action.busy}
            reason={missing(trans, draft, name)}
            onClick={() => action.start(async () => props.onDone(await send()))}
          />
        </>
      }
    >
      {!trigger && (
        <Choice
          label={trans.__('What it waits for')}
          value={draft.type}
          options={[
            { value: 'upstream', label: trans.__('Other pipelines') },
            { value: 'file', label: trans.__('A file, object or table') },
            { value: 'webhook', label: trans.__('A signed request') }
          ]}
          onChange={type => set({ type })}
        />
      )}
      {draft.type === 'upstream' && (
        <UpstreamField
          pipeline={pipeline}
          value={draft.pipelines}
          problem={about('pipelines')}
          onChange={pipelines => set({ pipelines })}
        />
      )}
      {draft.type === 'file' && <FileFields draft={draft} problem={about} onChange={set} />}
      {draft.type === 'webhook' && (
        <p className="jp-Galley-muted">
          {trans.__(
            'Another system starts it by a request that is signed with a secret. The address and the secret are shown once it is added.'
          )}
        </p>
      )}
      {!trigger && (
        <Field
          label={trans.__('Name')}
          help={trans.__('Of a-z, 0-9 and -; it names the trigger on run pages and in the log.')}
          problem={about('name')}
        >
          {control => (
            <input
              type="text"
              {...control}
              spellCheck={false}
              value={name}
              onChange={event => {
                action.clear();
                setName(event.target.value);
              }}
            />
          )}
        </Field>
      )}
      <ProblemBox problem={schema.problem} retry={() => void schema.refresh()} />
      <TemplateFields
        title={trans.__('Parameters of the runs that it starts')}
        schema={schema.value}
        values={draft.parameters}
        onChange={parameters => set({ parameters })}
        problem={one => about(`parameters.${one}`)}
      />
      <Deadline
        since={trans.__('From when it fires.')}
        value={draft.deadline}
        problem={about('deadline_s')}
        onChange={deadline => set({ deadline })}
      />
      {!field && <ProblemBox problem={action.problem} />}
    </Modal>
  );
}

type Trans = ReturnType<typeof useGalley>['trans'];

/** What is still to be said before it can be sent; null where all is. */
function missing(trans: Trans, draft: ITriggerDraft, name: string): string | null {
  if (draft.type === 'upstream' && draft.pipelines.length === 0) {
    return trans.__('Say which pipelines it waits for.');
  }
  if (draft.type === 'file' && !draft.url.trim()) {
    return trans.__('Say what it looks at.');
  }
  if (draft.type === 'file' && !isInterval(draft.interval)) {
    return trans.__('The pause between two looks is none: see its field.');
  }
  return name.trim() ? null : trans.__('Give it a name.');
}
