/** The right side of the publish dialog: what will happen, before it does. */
import * as React from 'react';
import type { Analysis, Check, Version } from '../api/types';
import { Button, Facts, Loading, ProblemBox, Section } from '../components/basics';
import { useTrans } from '../components/context';
import { Checks, Files, RehearsalFigures } from '../components/evidence';
import { TaskGraph } from '../components/graph';
import { SessionChecks } from '../hidden/view';
import { named } from '../model/split';
import { gateShort } from '../model/words';
import type { PublishSession } from './session';
import { SplitSection } from './split-editor';

export function Outlook(props: {
  session: PublishSession;
  onCell: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  const { session } = props;
  const { analysis } = session;
  const retry = (): void => void session.reread();
  return (
    <div className="jp-Galley-outlook">
      <h3>{trans.__('What will happen')}</h3>
      <Steps session={session} />
      <ProblemBox problem={analysis.problem} retry={retry} />
      {analysis.value ? (
        <>
          {analysis.value.split && session.draft ? (
            <SplitSection session={session} onCell={props.onCell} />
          ) : (
            <Section title={trans.__('Tasks')}>
              <TaskGraph graph={named(analysis.value.tasks, session.draft?.slug)} />
            </Section>
          )}
          <Section
            title={trans.__('Checks')}
            aside={
              <Button
                kind="quiet"
                label={trans.__('Read again')}
                title={trans.__('Saves the notebook and reads it once more')}
                busy={analysis.loading}
                onClick={retry}
              />
            }
          >
            <Checks checks={analysis.value.checks} onCell={props.onCell} />
          </Section>
          <Session checks={session.sessionChecks} onCell={props.onCell} />
          {(analysis.value.files ?? []).length > 0 && (
            <Section title={trans.__('Files')}>
              <Files files={analysis.value.files ?? []} onCell={props.onCell} />
            </Section>
          )}
          <Environment analysis={analysis.value} />
        </>
      ) : (
        !analysis.problem && <Loading lines={4} />
      )}
      <LastRehearsal version={session.known.value?.version ?? null} />
    </div>
  );
}

/** The way of a version, in a sentence each. */
function Steps({ session }: { session: PublishSession }): JSX.Element {
  const trans = useTrans();
  const gates = session.tenant?.gates ?? [];
  const scheduled = session.draft?.scheduled ?? false;
  const live = session.pipeline?.live_version;
  const tasks = session.plan?.tasks.length ?? 1;
  const proves = tasks > 1 && session.draft?.prove !== 'never';
  return (
    <ol className="jp-Galley-steps jp-mod-plain">
      <li>{trans.__('The saved notebook runs once from top to bottom: the rehearsal.')}</li>
      {proves && (
        <li>
          {trans._n(
            'It runs again, split into %1 task: the split is used if all results are equal.',
            'It runs again, split into %1 tasks: the split is used if all results are equal.',
            tasks
          )}
        </li>
      )}
      {gates.length > 0 && (
        <li>
          {trans.__(
            'It waits for approval by %1.',
            gates.map(gate => gateShort(trans, gate)).join(trans.__(' and '))
          )}
        </li>
      )}
      <li>
        {live
          ? trans.__('v%1 takes the place of v%2.', session.nextVersion, live)
          : trans.__('v%1 goes live.', session.nextVersion)}{' '}
        {scheduled
          ? trans.__('Its schedule starts the runs.')
          : trans.__('It runs when somebody starts it.')}
      </li>
    </ol>
  );
}

/** What the rehearsal will do otherwise than the session did, as far as the cells tell. */
function Session(props: {
  checks: readonly Check[];
  onCell: (cell: number) => void;
}): JSX.Element | null {
  const trans = useTrans();
  return props.checks.length > 0 ? (
    <Section title={trans.__('Your session')}>
      <SessionChecks checks={props.checks} onCell={props.onCell} />
    </Section>
  ) : null;
}

function Environment({ analysis }: { analysis: Analysis }): JSX.Element | null {
  const trans = useTrans();
  const { requirements, modules } = analysis;
  const stated = analysis.stated ?? [];
  const scripts = analysis.scripts ?? [];
  if ([requirements, modules, scripts, stated].every(one => one.length === 0)) {
    return null;
  }
  return (
    <Section title={trans.__('Taken along')}>
      <Facts
        facts={[
          [trans.__('Packages'), requirements.map(one => `${one.name} ${one.version}`).join(', ')],
          [trans.__('Stated by you'), stated.join(', ')],
          [trans.__('Local modules'), modules.join(', ')],
          [trans.__('Files it runs'), scripts.join(', ')]
        ]}
      />
    </Section>
  );
}

function LastRehearsal({ version }: { version: Version | null }): JSX.Element | null {
  const trans = useTrans();
  return version?.evidence ? (
    <Section title={trans.__('Last rehearsal (v%1)', version.number)}>
      <RehearsalFigures evidence={version.evidence} />
    </Section>
  ) : null;
}
