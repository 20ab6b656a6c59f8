/** The review page: what a version changes, what speaks for it, and the decision. */
import * as React from 'react';
import type { Version, VersionDiff } from '../api/types';
import { Resource } from '../model/resource';
import { phaseText, versionWord } from '../model/words';
import {
  Button,
  Facts,
  Link,
  Loading,
  Meter,
  Name,
  Nothing,
  ProblemBox,
  Section,
  Time
} from './basics';
import { useGalley, useModel } from './context';
import { DecisionFooter } from './decision';
import { CellDiffs, SettingDiffs } from './diff-view';
import { Checks, Comments, Files, Gates, RehearsalFigures } from './evidence';
import { FailureBox } from './failure';
import { Badge, Glyph } from './glyph';
import { goalText } from './metrics';
import { NotebookFrame } from './notebook-frame';
import { ProofSummary, ProofView } from './proof';
import { Tabs } from './tabs';

export function ReviewPage({ id }: { id: string }): JSX.Element {
  const { client, events, trans } = useGalley();
  const resource = useModel(() => {
    const version = new Resource(() => client.version(id)).follow(
      events,
      event => event.subject === id
    );
    void version.refresh();
    return version;
  }, id);
  const version = resource.value;
  if (!version) {
    return (
      <div className="jp-Galley-page">
        {resource.problem ? (
          <Nothing
            problem={resource.problem}
            absent={trans.__('There is no version “%1” that you may see.', id)}
            retry={() => void resource.refresh()}
          >
            <Link to={{ kind: 'reviews' }}>{trans.__('All reviews')}</Link>
          </Nothing>
        ) : (
          <Loading lines={5} />
        )}
      </div>
    );
  }
  return (
    <div
      className="jp-Galley-page jp-mod-review"
      aria-label={trans.__('Review of %1 version %2', version.name, version.number)}
    >
      <ProblemBox problem={resource.problem} retry={() => void resource.refresh()} />
      <Body key={version.id} version={version} onChanged={changed => resource.set(changed)} />
    </div>
  );
}

type ReviewTab = 'changes' | 'rehearsal' | 'proof';

function Body(props: { version: Version; onChanged: (version: Version) => void }): JSX.Element {
  const { client, events, trans } = useGalley();
  const { version } = props;
  const [tab, setTab] = React.useState<ReviewTab>('changes');
  const [seen, setSeen] = React.useState(version.digest);
  const current = version.digest;
  React.useEffect(() => {
    // The digest is frozen when the rehearsal ends: the first one is what one looks at.
    setSeen(before => before ?? current);
  }, [current]);
  const changed = seen !== null && seen !== version.digest;
  const against = comparedWith(version);
  const diff = useModel(
    () => {
      const resource = new Resource<VersionDiff>(() =>
        client.versionDiff(version.id, against)
      ).follow(events);
      void resource.refresh();
      return resource;
    },
    `${version.id}/${seen ?? ''}/${against}`
  );
  return (
    <>
      <Head version={version} />
      {changed && (
        <div className="jp-Galley-problem" role="alert">
          <Glyph name="warning" />
          <span>{trans.__('This version changed since you opened it: nothing was approved.')}</span>
          <Button
            label={trans.__('Look at it as it is now')}
            onClick={() => setSeen(version.digest)}
          />
        </div>
      )}
      {version.state === 'in_review' && (diff.value?.before ?? 0) > version.number && (
        <p className="jp-Galley-row jp-Galley-refusal">
          <Glyph name="info" />
          {trans.__(
            'Version %1, which is newer, is live. It stays live if you approve this one.',
            diff.value?.before
          )}
        </p>
      )}
      {version.evidence && !version.evidence.passed && (
        <FailureBox
          error={version.evidence.error}
          reason={version.state_reason}
          retried={trans.__('rehearsal')}
          advice={
            (version.evidence.error?.cell ?? null) === null
              ? trans.__('Mend it and publish again: what does not run clean is not reviewed.')
              : trans.__(
                  'Mend the cell in JupyterLab and publish again: what does not run clean is not reviewed.'
                )
          }
        />
      )}
      <div className="jp-Galley-columns jp-mod-review">
        <div className="jp-Galley-main">
          <Tabs<ReviewTab>
            label={trans.__('Review')}
            current={tab}
            onSelect={setTab}
            tabs={[
              { key: 'changes', label: trans.__('Changes') },
              { key: 'rehearsal', label: trans.__('Executed notebook') },
              { key: 'proof', label: trans.__('Split and proof') }
            ]}
          >
            {tab === 'changes' ? (
              <Changes diff={diff} live={against === 'live'} />
            ) : tab === 'proof' ? (
              <ProofView version={version} />
            ) : (
              <NotebookFrame
                url={client.rehearsalUrl(version.id)}
                title={trans.__('As the rehearsal executed it')}
              />
            )}
          </Tabs>
        </div>
        <Evidence version={version} diff={diff.value} onProof={() => setTab('proof')} />
      </div>
      <DecisionFooter version={version} seen={seen} onDecided={props.onChanged} />
    </>
  );
}

function Head({ version }: { version: Version }): JSX.Element {
  const { trans } = useGalley();
  const progress = version.progress as {
    cell?: number;
    cells?: number;
    phase?: string | null;
  } | null;
  // Beside running, a rehearsal counts no cells.
  const phase = progress?.phase === 'rehearsing' ? null : progress?.phase;
  return (
    <header className="jp-Galley-head">
      <div className="jp-Galley-crumbs">
        <Link to={{ kind: 'pipeline', tenant: version.tenant, slug: version.pipeline }}>
          <Name text={version.name} most={48} />
        </Link>
        <span aria-hidden="true">›</span>
        <span>{trans.__('Review')}</span>
      </div>
      <div className="jp-Galley-titleRow">
        <h2>
          {trans.__('Version %1', version.number)} <Badge word={versionWord(trans, version)} />
        </h2>
      </div>
      <div className="jp-Galley-row jp-Galley-muted">
        <span>{trans.__('by %1', version.author)}</span>
        <span>·</span>
        <Time at={version.created_at} />
        {version.digest && (
          <>
            <span>·</span>
            <code title={version.digest}>{version.digest.slice(0, 12)}</code>
          </>
        )}
      </div>
      {version.note && <blockquote className="jp-Galley-note">{version.note}</blockquote>}
      {version.state === 'rehearsing' && (
        <Meter
          done={phase ? null : progress?.cell}
          total={phase ? null : progress?.cells}
          label={
            phase
              ? phaseText(trans, phase)
              : progress?.cells
                ? trans.__(
                    'rehearsing cell %1 of %2',
                    Math.min((progress.cell ?? 0) + 1, progress.cells),
                    progress.cells
                  )
                : trans.__('Starting the rehearsal')
          }
        />
      )}
    </header>
  );
}

/** A version that may still go live is compared with what is live, another with the one before. */
function comparedWith(version: Version): number | 'live' {
  const open = !version.live && ['analysing', 'rehearsing', 'in_review'].includes(version.state);
  return open || version.number === 1 ? 'live' : version.number - 1;
}

function Changes(props: { diff: Resource<VersionDiff>; live: boolean }): JSX.Element {
  const { trans } = useGalley();
  const { diff, live } = props;
  const found = diff.value;
  if (!found) {
    return diff.problem ? (
      <ProblemBox problem={diff.problem} retry={() => void diff.refresh()} />
    ) : (
      <Loading lines={6} />
    );
  }
  return (
    <>
      <p className="jp-Galley-muted">
        {found.before === null
          ? trans.__('The first version: every cell is new.')
          : live
            ? trans.__('Against the live version %1.', found.before)
            : trans.__('Against version %1.', found.before)}
      </p>
      <CellDiffs
        cells={found.cells}
        label={trans.__('Cells')}
        empty={trans.__('No cell differs.')}
      />
      {(found.modules ?? []).length > 0 && (
        <Section title={trans.__('Local files')}>
          <CellDiffs
            cells={found.modules ?? []}
            label={trans.__('Local files')}
            empty={trans.__('No local file changes.')}
          />
        </Section>
      )}
    </>
  );
}

function Evidence(props: {
  version: Version;
  diff: VersionDiff | null;
  onProof: () => void;
}): JSX.Element {
  const { trans } = useGalley();
  const { version, diff } = props;
  return (
    <aside className="jp-Galley-side">
      <Section title={trans.__('Gates')}>
        <Gates version={version} />
        <Comments version={version} />
      </Section>
      <Section title={trans.__('Checks')}>
        <Checks checks={version.analysis?.checks ?? []} />
      </Section>
      {version.analysis?.files && version.analysis.files.length > 0 && (
        <Section title={trans.__('Files')}>
          <Files files={version.analysis.files} />
        </Section>
      )}
      <Section title={trans.__('Rehearsal')}>
        <RehearsalFigures evidence={version.evidence} />
      </Section>
      <Section title={trans.__('Split and proof')}>
        <ProofSummary version={version} onMore={props.onProof} />
      </Section>
      <Section title={trans.__('Settings that change')}>
        {diff ? <SettingDiffs settings={diff.settings ?? []} /> : <Loading lines={2} />}
      </Section>
      <Section title={trans.__('As it will run')}>
        <Facts
          facts={[
            [trans.__('Goal'), version.goal && goalText(trans, version.goal)],
            [
              trans.__('Schedule'),
              version.schedule ? (
                <code>{`${version.schedule.cron} (${version.schedule.timezone ?? 'UTC'})`}</code>
              ) : (
                trans.__('none: by hand')
              )
            ],
            [trans.__('Profile'), version.profile],
            [trans.__('Time limit'), trans.__('%1 min', Math.round(version.timeout_s / 60))],
            [trans.__('Retries'), version.retries]
          ]}
        />
      </Section>
    </aside>
  );
}
