/** When a trigger fired: upon what, and which run came of it. */
import * as React from 'react';
import type { Trigger, TriggerFiring } from '../api/types';
import { PagedList } from '../model/list';
import { runStateWord } from '../model/words';
import { Button, Empty, Link, Loading, ProblemBox, Time } from './basics';
import { useGalley, useModel } from './context';
import { Badge } from './glyph';
import { Modal } from './modal';
import { More } from './more';
import { RunCause } from './run-cause';

const PAGE = 20;

export function FiringsButton({ trigger }: { trigger: Trigger }): JSX.Element {
  const { trans } = useGalley();
  const [open, setOpen] = React.useState(false);
  return (
    <>
      <Button kind="quiet" label={trans.__('Log…')} onClick={() => setOpen(true)} />
      {open && <FiringsDialog trigger={trigger} onClose={() => setOpen(false)} />}
    </>
  );
}

function FiringsDialog(props: { trigger: Trigger; onClose: () => void }): JSX.Element {
  const { client, events, trans } = useGalley();
  const { tenant, pipeline, name } = props.trigger;
  const list = useModel(() => {
    const firings = new PagedList<TriggerFiring>(
      (cursor, limit) => client.triggerFirings(tenant, pipeline, name, { cursor, limit }),
      PAGE
    ).follow(
      events,
      event =>
        event.pipeline === pipeline &&
        event.tenant === tenant &&
        (event.kind === 'trigger.changed' || event.kind === 'run.changed')
    );
    void firings.refresh();
    return firings;
  }, props.trigger.id);
  return (
    <Modal
      wide
      title={trans.__('What “%1” has fired', name)}
      onClose={props.onClose}
      footer={<Button label={trans.__('Close')} onClick={props.onClose} />}
    >
      <ProblemBox problem={list.problem} retry={() => void list.refresh()} />
      {!list.value ? (
        !list.problem && <Loading lines={4} />
      ) : list.items.length === 0 ? (
        <Empty title={trans.__('It has not fired yet.')} />
      ) : (
        <table className="jp-Galley-table">
          <thead>
            <tr>
              <th>{trans.__('Fired')}</th>
              <th>{trans.__('Upon')}</th>
              <th>{trans.__('Run')}</th>
            </tr>
          </thead>
          <tbody>
            {list.items.map(one => (
              <tr key={one.id}>
                <td>
                  <Time at={one.at} />
                </td>
                <td>
                  <RunCause detail={one.cause} />
                </td>
                <td>
                  <Outcome firing={one} onGo={props.onClose} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <More list={list} label={trans.__('Show older ones')} />
    </Modal>
  );
}

function Outcome({ firing, onGo }: { firing: TriggerFiring; onGo: () => void }): JSX.Element {
  const { trans } = useGalley();
  return (
    <>
      {firing.run && firing.state ? (
        <span onClick={onGo}>
          <Link to={{ kind: 'run', id: firing.run }} title={firing.run}>
            <Badge word={runStateWord(trans, firing.state)} plain />
          </Link>
        </span>
      ) : (
        <span className="jp-Galley-muted">
          {firing.run ? trans.__('not kept any more') : trans.__('none')}
        </span>
      )}
      {firing.reason && <div className="jp-Galley-muted">{firing.reason}</div>}
    </>
  );
}
