/** The publish dialog: form and outlook, then the progress of what was published. */
import * as React from 'react';
import { Button, Loading, ProblemBox } from '../components/basics';
import { useAction, useChanges, useGalley } from '../components/context';
import { Modal } from '../components/modal';
import { middle } from '../format/names';
import { versionMoves } from '../model/words';
import { publishIcon } from '../lab/icons';
import { PublishForm } from './form';
import { Outlook } from './outlook';
import { Progress } from './progress';
import type { PublishSession } from './session';

export interface IDialogProps {
  session: PublishSession;
  onClose: () => void;
  /** Close, and show a cell of the notebook. */
  onCell: (cell: number) => void;
}

export function PublishDialog(props: IDialogProps): JSX.Element {
  useChanges(props.session);
  return props.session.published?.value ? <Published {...props} /> : <Asking {...props} />;
}

function Asking({ session, onClose, onCell }: IDialogProps): JSX.Element {
  const { me, trans } = useGalley();
  const { draft, known, problem, reason, busy } = session;
  const reviewed = (session.tenant?.gates.length ?? 0) > 0;
  return (
    <Modal
      wide
      title={trans.__('Publish %1', middle(session.path.split('/').pop() ?? '', 60))}
      onClose={onClose}
      footer={
        <>
          <div className="jp-Galley-footNote" role="status">
            <ProblemBox problem={problem} />
            {!problem && reason}
          </div>
          <Button
            label={trans.__('Rehearse only')}
            title={trans.__('Runs it once, as publishing would; nothing goes to review.')}
            reason={reason}
            busy={busy !== null}
            onClick={() => void session.submit(true)}
          />
          <Button
            kind="accept"
            label={reviewed ? trans.__('Publish for review') : trans.__('Publish')}
            icon={<publishIcon.react tag="span" elementSize="normal" />}
            reason={reason}
            busy={busy !== null}
            onClick={() => void session.submit(false)}
          />
        </>
      }
    >
      <ProblemBox problem={me.problem} retry={() => void me.refresh()} />
      <ProblemBox problem={known.problem} retry={() => void known.refresh()} />
      <div className="jp-Galley-publish">
        {draft ? (
          <PublishForm session={session} draft={draft} mistakes={session.mistakes} />
        ) : (
          <div className="jp-Galley-publishForm">
            <Loading lines={5} />
          </div>
        )}
        <Outlook session={session} onCell={onCell} />
      </div>
    </Modal>
  );
}

function Published({ session, onClose, onCell }: IDialogProps): JSX.Element | null {
  const { client, trans } = useGalley();
  const action = useAction();
  const published = session.published;
  const version = published?.value;
  if (!published || !version) {
    return null;
  }
  const moving = versionMoves(version.state);
  const cell = version.evidence?.error?.cell;
  const failed = version.state === 'failed';
  return (
    <Modal
      title={trans.__('%1 v%2', middle(version.name, 60), version.number)}
      onClose={onClose}
      footer={
        <>
          <div className="jp-Galley-footNote">
            <ProblemBox problem={action.problem} />
            {moving && !action.problem && trans.__('You can close this: a notice tells the end.')}
          </div>
          {moving && (
            <Button
              kind="warn"
              label={trans.__('Withdraw')}
              title={trans.__('Ends the rehearsal. The notebook can be published again.')}
              busy={action.busy}
              onClick={() =>
                action.start(async () => published.set(await client.withdraw(version.id)))
              }
            />
          )}
          {!moving && version.state !== 'in_review' && (
            <Button label={trans.__('Back to the form')} onClick={() => session.back()} />
          )}
          <Button kind={failed ? 'plain' : 'accept'} label={trans.__('Close')} onClick={onClose} />
        </>
      }
    >
      <Progress
        version={version}
        problem={published.problem}
        retry={() => void published.refresh()}
        comparison={session.comparison}
        onCell={onCell}
        actions={
          cell !== null &&
          cell !== undefined && (
            <Button
              kind="accept"
              label={trans.__('Go to cell %1', cell + 1)}
              onClick={() => onCell(cell)}
            />
          )
        }
      />
    </Modal>
  );
}
