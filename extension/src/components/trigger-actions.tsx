/** What can be done with the triggers of a pipeline; in the lab, in Galley's own window. */
import * as React from 'react';
import type { Pipeline, Trigger, TriggerMade } from '../api/types';
import { may } from '../model/galley';
import { Button, ProblemBox, type IButtonProps } from './basics';
import { useAction, useChanges, useGalley } from './context';
import { Modal } from './modal';
import { TriggerDialog } from './trigger-dialog';
import { HookDialog } from './trigger-hook';
import { useSettingReason } from './trigger-right';

/** A button whose action a lab's token may not do: there it opens Galley's own window. */
function DecisionButton(
  props: IButtonProps & { of: { tenant: string; slug: string } }
): JSX.Element {
  const galley = useGalley();
  const { of, ...button } = props;
  if (galley.decidesHere) {
    return <Button {...button} />;
  }
  return (
    <Button
      kind={button.kind}
      label={button.label.endsWith('…') ? button.label : `${button.label}…`}
      title={galley.trans.__('Opens Galley’s own window: this lab’s token may not do that.')}
      onClick={() =>
        galley.openWindow({
          kind: 'pipeline',
          tenant: of.tenant,
          slug: of.slug,
          tab: 'settings'
        })
      }
    />
  );
}

export function AddTriggerButton(props: {
  pipeline: Pipeline;
  onChanged: () => void;
}): JSX.Element {
  const { notify, trans } = useGalley();
  const { pipeline } = props;
  const reason = useSettingReason(pipeline.tenant);
  const [asking, setAsking] = React.useState(false);
  const [made, setMade] = React.useState<TriggerMade | null>(null);
  return (
    <>
      <DecisionButton
        of={pipeline}
        label={trans.__('Add a trigger…')}
        reason={reason}
        onClick={() => setAsking(true)}
      />
      {asking && (
        <TriggerDialog
          pipeline={pipeline}
          trigger={null}
          onClose={() => setAsking(false)}
          onDone={done => {
            setAsking(false);
            setMade(done.secret ? done : null);
            notify(trans.__('The trigger %1 is on', done.trigger.name), 'success');
            props.onChanged();
          }}
        />
      )}
      {made && <HookDialog {...made} onClose={() => setMade(null)} />}
    </>
  );
}

export function TriggerActions(props: {
  trigger: Trigger;
  pipeline: Pipeline;
  onChanged: () => void;
}): JSX.Element {
  const { client, me, notify, trans } = useGalley();
  useChanges(me);
  const action = useAction();
  const { trigger, pipeline } = props;
  const { tenant, slug } = pipeline;
  const { name, paused } = trigger;
  const reason = useSettingReason(tenant);
  const [asking, setAsking] = React.useState<'change' | 'remove' | null>(null);
  const done = (told: string): void => {
    setAsking(null);
    notify(told, 'success');
    props.onChanged();
  };
  return (
    <>
      <span className="jp-Galley-row">
        <DecisionButton
          of={pipeline}
          kind="quiet"
          label={trans.__('Change…')}
          reason={reason}
          onClick={() => setAsking('change')}
        />
        <DecisionButton
          of={pipeline}
          kind="quiet"
          label={paused ? trans.__('Resume') : trans.__('Pause')}
          title={trans.__('What happens while it is paused is not caught up.')}
          busy={action.busy}
          reason={
            may(me.value, tenant, 'operate')
              ? null
              : trans.__('Your roles in %1 do not allow pausing triggers.', tenant)
          }
          onClick={() =>
            action.start(async () => {
              await (paused
                ? client.resumeTrigger(tenant, slug, name)
                : client.pauseTrigger(tenant, slug, name));
              props.onChanged();
            })
          }
        />
        <DecisionButton
          of={pipeline}
          kind="quiet"
          label={trans.__('Remove…')}
          reason={reason}
          onClick={() => setAsking('remove')}
        />
      </span>
      <ProblemBox problem={action.problem} />
      {asking === 'change' && (
        <TriggerDialog
          pipeline={pipeline}
          trigger={trigger}
          onClose={() => setAsking(null)}
          onDone={() => done(trans.__('The trigger %1 is changed', name))}
        />
      )}
      {asking === 'remove' && (
        <RemoveDialog
          trigger={trigger}
          onClose={() => setAsking(null)}
          onDone={() => done(trans.__('The trigger %1 is removed', name))}
        />
      )}
    </>
  );
}

function RemoveDialog(props: {
  trigger: Trigger;
  onClose: () => void;
  onDone: () => void;
}): JSX.Element {
  const { client, trans } = useGalley();
  const action = useAction();
  const { tenant, pipeline, name, source } = props.trigger;
  return (
    <Modal
      title={trans.__('Remove the trigger “%1”', name)}
      onClose={props.onClose}
      footer={
        <>
          <Button first label={trans.__('Cancel')} onClick={props.onClose} />
          <Button
            kind="warn"
            label={trans.__('Remove')}
            busy={action.busy}
            onClick={() =>
              action.start(async () => {
                await client.removeTrigger(tenant, pipeline, name);
                props.onDone();
              })
            }
          />
        </>
      }
    >
      <p>
        {trans.__('It starts no more runs. Those that it started go on, and say what fired it.')}{' '}
        {source.type === 'webhook'
          ? trans.__('Its address and its secret are gone: one that you add later has others.')
          : trans.__('It can be added again; what happens until then starts nothing.')}
      </p>
      <ProblemBox problem={action.problem} />
    </Modal>
  );
}
