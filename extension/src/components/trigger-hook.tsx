/** A webhook: its address, its secret where it has just been made, and how a request is signed. */
import * as React from 'react';
import type { Trigger } from '../api/types';
import { hookAddress, signedRequest } from '../model/trigger';
import { Button, Copyable, Facts, ProblemBox } from './basics';
import { useAction, useGalley } from './context';
import { Modal } from './modal';
import { useSettingReason } from './trigger-right';

export function HookButton({ trigger }: { trigger: Trigger }): JSX.Element {
  const { trans } = useGalley();
  const [open, setOpen] = React.useState(false);
  return (
    <>
      <Button kind="quiet" label={trans.__('How to send one…')} onClick={() => setOpen(true)} />
      {open && <HookDialog trigger={trigger} onClose={() => setOpen(false)} />}
    </>
  );
}

export function HookDialog(props: {
  trigger: Trigger;
  /** What was made a moment ago: it is shown here and nowhere else. */
  secret?: string | null;
  onClose: () => void;
}): JSX.Element {
  const galley = useGalley();
  const { trans } = galley;
  const { trigger } = props;
  const [secret, setSecret] = React.useState(props.secret ?? null);
  const address = hookAddress(galley, trigger);
  const commands = signedRequest(address);
  return (
    <Modal
      wide
      title={trans.__('Requests that fire “%1”', trigger.name)}
      onClose={props.onClose}
      footer={
        <Button
          kind="accept"
          label={secret ? trans.__('I have kept the secret') : trans.__('Close')}
          onClick={props.onClose}
        />
      }
    >
      <Facts
        facts={[
          [trans.__('Address'), <Copyable key="a" text={address} />],
          [
            trans.__('Secret'),
            secret ? (
              <>
                <Copyable text={secret} name={trans.__('the secret')} />
                <div className="jp-Galley-warn">
                  {trans.__('Keep it now: it is shown this once, and nobody can read it back.')}
                </div>
              </>
            ) : (
              <Renew trigger={trigger} onRenewed={setSecret} />
            )
          ]
        ]}
      />
      <p>
        {trans.__(
          'POST to the address, with two headers: Galley-Timestamp, whole seconds since 1970, and Galley-Signature, “v1=” and the HMAC-SHA256 in hex of the time, a dot and the body, with the secret as key. A signature is taken within five minutes, and starts one run.'
        )}
      </p>
      <pre className="jp-Galley-traceback" tabIndex={0}>
        {commands}
      </pre>
      <div className="jp-Galley-row">
        <Copyable
          text={commands}
          shown={trans.__('Copy these commands')}
          name={trans.__('the commands')}
        />
        <span className="jp-Galley-muted">
          {trans.__('The body is {} or gives "parameters" and "logical_date"; at most 64 KiB.')}
        </span>
      </div>
    </Modal>
  );
}

/** Nobody can read a secret back; who may set triggers can have another one made. */
function Renew(props: { trigger: Trigger; onRenewed: (secret: string) => void }): JSX.Element {
  const { client, decidesHere, trans } = useGalley();
  const action = useAction();
  const [sure, setSure] = React.useState(false);
  const { tenant, pipeline, name } = props.trigger;
  const reason = useSettingReason(tenant);
  const renew = (): void =>
    action.start(async () => {
      const made = await client.renewTriggerSecret(tenant, pipeline, name);
      props.onRenewed(made.secret ?? '');
    });
  return (
    <>
      <span className="jp-Galley-row">
        <span className="jp-Galley-muted">{trans.__('was shown when it was made')}</span>
        {decidesHere && (
          <Button
            kind={sure ? 'warn' : 'quiet'}
            label={sure ? trans.__('Yes, make a new one') : trans.__('New secret…')}
            title={trans.__('The one before is worth nothing from then on')}
            busy={action.busy}
            reason={reason}
            onClick={() => (sure ? renew() : setSure(true))}
          />
        )}
      </span>
      {sure && (
        <div className="jp-Galley-warn">
          {trans.__('Requests that are signed with the secret before are refused from then on.')}
        </div>
      )}
      <ProblemBox problem={action.problem} />
    </>
  );
}
