/** The dialog before a run's notebook is opened to be debugged. */
import * as React from 'react';
import type { DebugPlan } from '../api/types';
import { Button, Loading, ProblemBox } from '../components/basics';
import { useAction, useChanges, useTrans } from '../components/context';
import { Modal } from '../components/modal';
import type { Resource } from '../model/resource';
import { PlanView } from './plan-view';

export interface IDebugDialogProps {
  plan: Resource<DebugPlan>;
  /** Write it, over what is there where `replace` says so. */
  write: (replace: boolean) => Promise<DebugPlan>;
  /** Make the run's own environment here. */
  make: () => Promise<DebugPlan>;
  open: (plan: DebugPlan) => void;
  onClose: () => void;
}

export function DebugDialog(props: IDebugDialogProps): JSX.Element {
  const trans = useTrans();
  useChanges(props.plan);
  const action = useAction();
  const making = useAction();
  const plan = props.plan.value;
  const write = (replace: boolean): void =>
    action.start(async () => props.open(await props.write(replace)));
  return (
    <Modal
      title={trans.__('Debug this run in JupyterLab')}
      onClose={props.onClose}
      footer={
        <>
          <Button label={trans.__('Cancel')} onClick={props.onClose} />
          {plan?.exists && (
            <Button
              kind="warn"
              label={trans.__('Write it anew')}
              title={trans.__('What you changed in that notebook is lost; other files stay.')}
              busy={action.busy}
              onClick={() => write(true)}
            />
          )}
          {plan?.exists ? (
            <Button
              kind="accept"
              label={trans.__('Open what is there')}
              onClick={() => props.open(plan)}
            />
          ) : (
            <Button
              kind="accept"
              label={trans.__('Open the notebook')}
              busy={action.busy}
              reason={plan ? null : trans.__('What it means here is still being found out.')}
              onClick={() => write(false)}
            />
          )}
        </>
      }
    >
      <ProblemBox problem={props.plan.problem} retry={() => void props.plan.refresh()} />
      <ProblemBox problem={action.problem} />
      {plan?.exists && (
        <p>
          <strong>
            {trans.__('You have debugged this before: the folder is there, with your changes.')}
          </strong>
        </p>
      )}
      {plan ? <PlanView plan={plan} /> : !props.plan.problem && <Loading lines={4} />}
      {plan?.can_make && (
        <p>
          <Button
            label={
              making.busy ? trans.__('Installing its packages…') : trans.__('Make its environment')
            }
            title={trans.__(
              'A kernel with every package at the version that the run had. It takes seconds to minutes, once.'
            )}
            busy={making.busy}
            onClick={() => making.start(async () => props.plan.set(await props.make()))}
          />
        </p>
      )}
      <ProblemBox problem={making.problem} />
    </Modal>
  );
}
