/** The secrets of one tenant and the reader's own values: names only, set and deleted here. */
import * as React from 'react';
import type { IPage, SecretInfo } from '../api/types';
import { may } from '../model/galley';
import { Resource } from '../model/resource';
import { Button, Empty, Loading, Name, ProblemBox, Section, Time } from './basics';
import { useAction, useChanges, useGalley, useModel } from './context';
import { Field } from './field';
import { Modal } from './modal';

/** What is being done: set something new, replace a value, or delete it. */
type Doing =
  | { what: 'set'; personal: boolean; secret: SecretInfo | null }
  | { what: 'delete'; secret: SecretInfo };

export function SecretsOf({ tenant, title }: { tenant: string; title: string }): JSX.Element {
  const { client, events, me, trans } = useGalley();
  useChanges(me);
  const [doing, setDoing] = React.useState<Doing | null>(null);
  const found = useModel(() => {
    const resource = new Resource<IPage<SecretInfo>>(() => client.secrets(tenant)).follow(events);
    void resource.refresh();
    return resource;
  }, `secrets/${tenant}`);
  const theirs = may(me.value, tenant, 'secrets')
    ? null
    : trans.__('Setting the tenant’s secrets needs the role “operator” in %1.', tenant);
  const own = may(me.value, tenant, 'publish')
    ? null
    : trans.__('Your own values are for rehearsals; you do not publish in %1.', tenant);
  const done = (): void => {
    setDoing(null);
    void found.refresh();
  };
  return (
    <Section
      title={title}
      aside={
        <span className="jp-Galley-row">
          <Button
            label={trans.__('Set your own value…')}
            reason={own}
            onClick={() => setDoing({ what: 'set', personal: true, secret: null })}
          />
          <Button
            label={trans.__('Set a secret…')}
            reason={theirs}
            onClick={() => setDoing({ what: 'set', personal: false, secret: null })}
          />
        </span>
      }
    >
      <ProblemBox problem={found.problem} retry={() => void found.refresh()} />
      {!found.value ? (
        !found.problem && <Loading lines={3} />
      ) : found.value.items.length > 0 ? (
        <Table
          secrets={found.value.items}
          refusal={secret => (secret.personal ? own : theirs)}
          onDo={setDoing}
        />
      ) : (
        <Empty title={trans.__('No secret yet.')}>
          {trans.__('A notebook names one with galley.secret("name"); an operator sets it here.')}
        </Empty>
      )}
      {doing?.what === 'set' && (
        <SetDialog tenant={tenant} {...doing} onClose={() => setDoing(null)} onDone={done} />
      )}
      {doing?.what === 'delete' && (
        <DeleteDialog tenant={tenant} {...doing} onClose={() => setDoing(null)} onDone={done} />
      )}
    </Section>
  );
}

function Table(props: {
  secrets: SecretInfo[];
  refusal: (secret: SecretInfo) => string | null;
  onDo: (doing: Doing) => void;
}): JSX.Element {
  const { trans } = useGalley();
  return (
    <table className="jp-Galley-table jp-mod-stacks">
      <thead>
        <tr>
          <th>{trans.__('Name')}</th>
          <th>{trans.__('Whose')}</th>
          <th>{trans.__('Set')}</th>
          <th>{trans.__('Last used')}</th>
          <th>{trans.__('Description')}</th>
          <th />
        </tr>
      </thead>
      <tbody>
        {props.secrets.map(secret => (
          <tr key={`${secret.name}/${String(secret.personal)}`}>
            <td data-label={trans.__('Name')}>
              <code>
                <Name text={secret.name} most={32} />
              </code>
            </td>
            <td data-label={trans.__('Whose')}>
              {secret.personal ? trans.__('yours') : trans.__('the tenant’s')}
            </td>
            <td data-label={trans.__('Set')}>
              <Time at={secret.set_at} /> {trans.__('by %1', secret.set_by)}
            </td>
            <td data-label={trans.__('Last used')}>
              {secret.last_used_at ? (
                <>
                  <Time at={secret.last_used_at} /> {secret.last_used_by}
                </>
              ) : (
                <span className="jp-Galley-muted">{trans.__('never')}</span>
              )}
            </td>
            <td data-label={trans.__('Description')} className="jp-Galley-muted">
              {secret.description}
            </td>
            <td>
              <span className="jp-Galley-row">
                <Button
                  kind="quiet"
                  label={trans.__('Replace…')}
                  reason={props.refusal(secret)}
                  onClick={() => props.onDo({ what: 'set', personal: secret.personal, secret })}
                />
                <Button
                  kind="quiet"
                  label={trans.__('Delete…')}
                  reason={props.refusal(secret)}
                  onClick={() => props.onDo({ what: 'delete', secret })}
                />
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function SetDialog(props: {
  tenant: string;
  personal: boolean;
  secret: SecretInfo | null;
  onClose: () => void;
  onDone: () => void;
}): JSX.Element {
  const { client, notify, trans } = useGalley();
  const action = useAction();
  const { tenant, personal, secret } = props;
  const [name, setName] = React.useState(secret?.name ?? '');
  const [value, setValue] = React.useState('');
  const [description, setDescription] = React.useState(secret?.description ?? '');
  const missing = !name.trim()
    ? trans.__('Give it a name.')
    : !value
      ? trans.__('Give it a value.')
      : null;
  const label = secret ? trans.__('Replace the value') : trans.__('Set');
  return (
    <Modal
      title={
        personal
          ? trans.__('Your own value, for your rehearsals and your JupyterLab')
          : trans.__('A secret of %1', tenant)
      }
      onClose={props.onClose}
      footer={
        <>
          <Button label={trans.__('Cancel')} onClick={props.onClose} />
          <Button
            kind="accept"
            label={label}
            busy={action.busy}
            reason={missing}
            onClick={() =>
              action.start(async () => {
                await client.setSecret(tenant, name.trim(), { value, description }, personal);
                notify(trans.__('“%1” is set.', name.trim()), 'success');
                props.onDone();
              })
            }
          />
        </>
      }
    >
      <Field
        label={trans.__('Name')}
        help={trans.__('As notebooks name it: galley.secret("%1").', name || 'warehouse')}
      >
        {control => (
          <input
            {...control}
            value={name}
            readOnly={secret !== null}
            spellCheck={false}
            onChange={event => setName(event.target.value)}
          />
        )}
      </Field>
      <Field
        label={trans.__('Value')}
        help={trans.__(
          'Nobody can read it back. Several lines: galley secret set NAME < FILE, in a terminal.'
        )}
      >
        {control => (
          <input
            {...control}
            type="password"
            autoComplete="new-password"
            value={value}
            onChange={event => setValue(event.target.value)}
          />
        )}
      </Field>
      <Field label={trans.__('Description')} optional={trans.__('(optional)')}>
        {control => (
          <input
            {...control}
            value={description}
            onChange={event => setDescription(event.target.value)}
          />
        )}
      </Field>
      <ProblemBox problem={action.problem} />
    </Modal>
  );
}

function DeleteDialog(props: {
  tenant: string;
  secret: SecretInfo;
  onClose: () => void;
  onDone: () => void;
}): JSX.Element {
  const { client, notify, trans } = useGalley();
  const action = useAction();
  const { name, personal } = props.secret;
  return (
    <Modal
      title={trans.__('Delete “%1”', name)}
      onClose={props.onClose}
      footer={
        <>
          <Button first label={trans.__('Cancel')} onClick={props.onClose} />
          <Button
            kind="warn"
            label={trans.__('Delete')}
            busy={action.busy}
            onClick={() =>
              action.start(async () => {
                await client.deleteSecret(props.tenant, name, personal);
                notify(trans.__('“%1” is deleted.', name), 'success');
                props.onDone();
              })
            }
          />
        </>
      }
    >
      <p>
        {personal
          ? trans.__('Rehearsals of what you publish fail from now on where they need it.')
          : trans.__('Runs of versions that name it fail from now on.')}{' '}
        {trans.__('The value cannot be brought back; it can be set again.')}
      </p>
      <ProblemBox problem={action.problem} />
    </Modal>
  );
}
