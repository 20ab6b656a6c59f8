/** The versions of a pipeline: a timeline, the difference between any two, and the way back. */
import * as React from 'react';
import type { Pipeline, Version, VersionDiff } from '../api/types';
import { may } from '../model/galley';
import type { PagedList } from '../model/list';
import { Resource } from '../model/resource';
import { gateShort, proofWord, versionWord } from '../model/words';
import { Button, Empty, Link, Loading, Message, ProblemBox, Time } from './basics';
import { useAction, useChanges, useGalley, useModel } from './context';
import { CellDiffs, SettingDiffs } from './diff-view';
import { Field } from './field';
import { Badge } from './glyph';
import { Modal } from './modal';
import { More } from './more';
import { RunDialog } from './run-dialog';

export interface IVersionsProps {
  pipeline: Pipeline;
  versions: PagedList<Version>;
  onChanged: (pipeline: Pipeline) => void;
}

export function Versions(props: IVersionsProps): JSX.Element {
  const { trans } = useGalley();
  useChanges(props.versions);
  const { versions } = props;
  const [pair, setPair] = React.useState<[Version, Version] | null>(null);
  if (!versions.value) {
    return versions.problem ? (
      <ProblemBox problem={versions.problem} retry={() => void versions.refresh()} />
    ) : (
      <Loading lines={5} />
    );
  }
  if (versions.items.length === 0) {
    return <Empty title={trans.__('No version yet.')} />;
  }
  return (
    <>
      <ol className="jp-Galley-timeline">
        {versions.items.map((version, index) => (
          <Entry
            key={version.id}
            version={version}
            {...props}
            before={versions.items[index + 1]}
            onCompare={other => setPair([version, other])}
          />
        ))}
      </ol>
      <More list={versions} label={trans.__('Show older versions')} />
      {pair && <Comparison pair={pair} versions={versions.items} onClose={() => setPair(null)} />}
    </>
  );
}

function Entry(
  props: IVersionsProps & {
    version: Version;
    before: Version | undefined;
    onCompare: (other: Version) => void;
  }
): JSX.Element {
  const galley = useGalley();
  const { trans } = galley;
  const { version, before } = props;
  const passed = version.gates.filter(gate => gate.passed);
  const [confirming, setConfirming] = React.useState(false);
  const [trying, setTrying] = React.useState(false);
  useChanges(galley.me);
  const mayTry = may(galley.me.value, version.tenant, 'publish');
  const deployable = version.state === 'approved' && !version.live && !version.rehearse_only;
  const back = (props.pipeline.live_version ?? 0) > version.number;
  return (
    <li className={version.live ? 'jp-mod-live' : undefined}>
      <div className="jp-Galley-row">
        <Link to={{ kind: 'review', id: version.id }}>
          <strong>{trans.__('Version %1', version.number)}</strong>
        </Link>
        <Badge word={versionWord(trans, version)} />
        {version.evidence?.proof && <Badge plain word={proofWord(trans, version.evidence.proof)} />}
        <span className="jp-Galley-muted">
          {trans.__('by %1', version.author)} · <Time at={version.created_at} />
        </span>
        <span className="jp-Galley-spacer" />
        {before && (
          <Button
            kind="quiet"
            label={trans.__('Compare…')}
            onClick={() => props.onCompare(before)}
          />
        )}
        {version.state !== 'analysing' && mayTry && (
          <Button
            kind="quiet"
            label={trans.__('Try…')}
            title={trans.__('Run it with other parameters and your own rights')}
            onClick={() => setTrying(true)}
          />
        )}
        {deployable && (
          <Button
            kind="quiet"
            label={back ? trans.__('Roll back to this…') : trans.__('Make live…')}
            onClick={() =>
              galley.decidesHere
                ? setConfirming(true)
                : galley.openWindow({
                    kind: 'pipeline',
                    tenant: version.tenant,
                    slug: version.pipeline,
                    tab: 'versions'
                  })
            }
          />
        )}
      </div>
      {version.note && <div className="jp-Galley-clip">{version.note}</div>}
      {version.state_reason && (
        <div className="jp-Galley-muted">
          <Message text={version.state_reason} />
        </div>
      )}
      {passed.length > 0 && (
        <div className="jp-Galley-muted">
          {trans.__('Approved by')}{' '}
          {passed.map(gate => `${gate.reviewer ?? ''} (${gateShort(trans, gate.gate)})`).join(', ')}
        </div>
      )}
      {trying && (
        <RunDialog
          trial
          tenant={version.tenant}
          slug={version.pipeline}
          version={version.number}
          onClose={() => setTrying(false)}
          onStarted={run => {
            setTrying(false);
            galley.go({ kind: 'run', id: run.id });
          }}
        />
      )}
      {confirming && (
        <DeployDialog
          version={version}
          live={props.pipeline.live_version}
          onClose={() => setConfirming(false)}
          onDeployed={pipeline => {
            setConfirming(false);
            props.onChanged(pipeline);
            void props.versions.refresh();
          }}
        />
      )}
    </li>
  );
}

function DeployDialog(props: {
  version: Version;
  live: number | null;
  onClose: () => void;
  onDeployed: (pipeline: Pipeline) => void;
}): JSX.Element {
  const { client, me, trans } = useGalley();
  const action = useAction();
  const [reason, setReason] = React.useState('');
  const { version, live } = props;
  const title =
    live !== null && live > version.number
      ? trans.__('Roll back to version %1', version.number)
      : trans.__('Make version %1 live', version.number);
  const refused = may(me.value, version.tenant, 'deploy')
    ? reason.trim()
      ? null
      : trans.__('Say why: it stands in the audit trail.')
    : trans.__('Your roles in %1 do not allow deploying.', version.tenant);
  return (
    <Modal
      title={title}
      onClose={props.onClose}
      footer={
        <>
          <Button first label={trans.__('Cancel')} onClick={props.onClose} />
          <Button
            kind="accept"
            label={title}
            busy={action.busy}
            reason={refused}
            onClick={() =>
              action.start(async () =>
                props.onDeployed(
                  await client.deploy(version.tenant, version.pipeline, version.number, reason)
                )
              )
            }
          />
        </>
      }
    >
      <p>
        {live
          ? trans.__(
              'Version %1 stops being live; its code, schedule and settings are replaced by those of version %2. Runs that are under way end with the version they began with. You can go back the same way.',
              live,
              version.number
            )
          : trans.__('From now on its schedule starts runs of this version.')}
      </p>
      <Field label={trans.__('Reason')}>
        {control => (
          <textarea
            {...control}
            rows={2}
            value={reason}
            onChange={event => setReason(event.target.value)}
          />
        )}
      </Field>
      <ProblemBox problem={action.problem} />
    </Modal>
  );
}

function Comparison(props: {
  pair: [Version, Version];
  versions: Version[];
  onClose: () => void;
}): JSX.Element {
  const { client, events, trans } = useGalley();
  const [after, setAfter] = React.useState(props.pair[0]);
  const [before, setBefore] = React.useState(props.pair[1]);
  const diff = useModel(() => {
    const resource = new Resource<VersionDiff>(() =>
      client.versionDiff(after.id, before.number)
    ).follow(events);
    void resource.refresh();
    return resource;
  }, `${after.id}/${before.id}`);
  const choose = (value: Version, onChange: (version: Version) => void, label: string) => (
    <label className="jp-Galley-filter">
      <span>{label}</span>
      <select
        value={value.id}
        onChange={event => {
          const found = props.versions.find(one => one.id === event.target.value);
          if (found) {
            onChange(found);
          }
        }}
      >
        {props.versions.map(one => (
          <option key={one.id} value={one.id}>
            {trans.__('Version %1', one.number)}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Modal wide title={trans.__('Compare versions')} onClose={props.onClose}>
      <div className="jp-Galley-row">
        {choose(before, setBefore, trans.__('From'))}
        {choose(after, setAfter, trans.__('to'))}
      </div>
      <ProblemBox problem={diff.problem} retry={() => void diff.refresh()} />
      {diff.value ? (
        <>
          <SettingDiffs
            settings={diff.value.settings ?? []}
            names={[trans.__('Version %1', before.number), trans.__('Version %1', after.number)]}
          />
          <CellDiffs
            cells={diff.value.cells}
            label={trans.__('Cells')}
            empty={trans.__('No cell differs.')}
          />
          {(diff.value.modules ?? []).some(one => one.change !== 'same') && (
            <CellDiffs cells={diff.value.modules ?? []} label={trans.__('Local files')} empty="" />
          )}
        </>
      ) : (
        !diff.problem && <Loading lines={4} />
      )}
    </Modal>
  );
}
