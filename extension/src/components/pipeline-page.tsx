/** The pipeline page: what is live, how it has been doing, its versions and its schedule. */
import * as React from 'react';
import { downloadIcon, runIcon } from '@jupyterlab/ui-components';
import type { Pipeline, Run, Version } from '../api/types';
import { may } from '../model/galley';
import { PagedList } from '../model/list';
import type { PipelineTab } from '../model/place';
import { Resource } from '../model/resource';
import { seenIn } from '../model/split';
import { LISTS_EVERY, toldAmong } from '../model/told';
import { liveOf } from '../model/live';
import { Button, Empty, Link, Loading, Name, Nothing, ProblemBox, Section, Time } from './basics';
import { CalendarView } from './calendar';
import { BackfillButton } from './backfill-dialog';
import { Backfills } from './backfills';
import { useChanges, useGalley, useModel } from './context';
import { Badge } from './glyph';
import { TaskGraph } from './graph';
import { SplitView } from './split-view';
import { goalText } from './metrics';
import { RunDialog } from './run-dialog';
import { GoalTrend, RunStrip } from './run-charts';
import { RunTable, StateFilter } from './run-list';
import { PipelineSettings } from './pipeline-settings';
import { PauseButton } from './schedule';
import { Tabs } from './tabs';
import { Versions } from './versions';

export function PipelinePage(props: {
  tenant: string;
  slug: string;
  tab?: PipelineTab;
  onTab?: (tab: PipelineTab) => void;
}): JSX.Element {
  const { client, events, trans } = useGalley();
  const { tenant, slug } = props;
  const resource = useModel(() => {
    const pipeline = new Resource(() => client.pipeline(tenant, slug)).follow(
      events,
      event =>
        event.pipeline === slug && event.tenant === tenant && !/progress$|grew$/.test(event.kind)
    );
    void pipeline.refresh();
    return pipeline;
  }, `${tenant}/${slug}`);
  const pipeline = resource.value;
  if (!pipeline) {
    return (
      <div className="jp-Galley-page">
        {resource.problem ? (
          <Nothing
            problem={resource.problem}
            absent={trans.__('There is no pipeline “%1” in %2 that you may see.', slug, tenant)}
            retry={() => void resource.refresh()}
          >
            <Link to={{ kind: 'pipelines' }}>{trans.__('All pipelines')}</Link>
          </Nothing>
        ) : (
          <Loading lines={5} />
        )}
      </div>
    );
  }
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Pipeline %1', pipeline.name)}>
      <ProblemBox problem={resource.problem} retry={() => void resource.refresh()} />
      <Body
        key={pipeline.id}
        {...props}
        pipeline={pipeline}
        onChanged={changed => resource.set(changed)}
      />
    </div>
  );
}

interface IBodyProps {
  pipeline: Pipeline;
  tab?: PipelineTab;
  onTab?: (tab: PipelineTab) => void;
  onChanged: (pipeline: Pipeline) => void;
}

function Body(props: IBodyProps): JSX.Element {
  const { client, events, trans } = useGalley();
  const { pipeline } = props;
  const { tenant, slug } = pipeline;
  const [chosen, setChosen] = React.useState<PipelineTab>(props.tab ?? 'overview');
  const tab = props.onTab ? (props.tab ?? 'overview') : chosen;
  const select = props.onTab ?? setChosen;
  const [state, setState] = React.useState('');
  const runs = useModel(() => {
    const list = new PagedList<Run>(
      (cursor, limit) =>
        client.runs(tenant, { pipeline: slug, kind: 'pipeline', state, cursor, limit }),
      50
    ).follow(
      events,
      event => event.pipeline === slug && event.tenant === tenant && event.kind === 'run.changed',
      LISTS_EVERY,
      toldAmong('items')
    );
    void list.refresh();
    return list;
  }, `${tenant}/${slug}/runs/${state}`);
  const versions = useModel(() => {
    const list = new PagedList<Version>(
      (cursor, limit) => client.versions(tenant, slug, { cursor, limit }),
      50
    ).follow(events, event => event.pipeline === slug && event.kind === 'version.changed');
    void list.refresh();
    return list;
  }, `${tenant}/${slug}/versions`);
  return (
    <>
      <Head {...props} versions={versions.items} />
      <Tabs<PipelineTab>
        label={trans.__('Pipeline')}
        current={tab}
        onSelect={select}
        tabs={[
          { key: 'overview', label: trans.__('Overview') },
          { key: 'runs', label: trans.__('Runs') },
          { key: 'calendar', label: trans.__('Calendar') },
          { key: 'versions', label: trans.__('Versions') },
          { key: 'settings', label: trans.__('Settings') }
        ]}
      >
        {tab === 'overview' && <Overview {...props} runs={runs} versions={versions} />}
        {tab === 'runs' && (
          <>
            <Backfills pipeline={pipeline} />
            <div className="jp-Galley-row">
              <StateFilter value={state} onChange={setState} />
            </div>
            <RunTable list={runs} empty={<NoRuns filtered={state !== ''} />} />
          </>
        )}
        {tab === 'calendar' && <CalendarView scopes={[{ tenant, slug }]} pipeline={pipeline} />}
        {tab === 'versions' && (
          <Versions pipeline={pipeline} versions={versions} onChanged={props.onChanged} />
        )}
        {tab === 'settings' && (
          <PipelineSettings
            pipeline={pipeline}
            version={liveOf(pipeline, versions.items)}
            onChanged={props.onChanged}
          />
        )}
      </Tabs>
    </>
  );
}

function NoRuns({ filtered }: { filtered: boolean }): JSX.Element {
  const { trans } = useGalley();
  return filtered ? (
    <Empty title={trans.__('No run is in this state.')} />
  ) : (
    <Empty title={trans.__('It has not run yet.')}>
      {trans.__('“Run…” starts a run now; a schedule starts them by itself.')}
    </Empty>
  );
}

function Head(props: IBodyProps & { versions: readonly Version[] }): JSX.Element {
  const galley = useGalley();
  const { client, me, trans } = galley;
  useChanges(me);
  const [asking, setAsking] = React.useState(false);
  const [trying, setTrying] = React.useState(false);
  const { pipeline } = props;
  const { tenant, slug } = pipeline;
  const latest = pipeline.live_version ?? pipeline.latest_version;
  const version = liveOf(pipeline, props.versions);
  const waiting = props.versions.find(one => one.state === 'in_review');
  const refused = !pipeline.live_version
    ? trans.__('No version is live yet.')
    : may(me.value, tenant, 'run')
      ? null
      : trans.__('Your roles in %1 do not allow running pipelines.', tenant);
  return (
    <header className="jp-Galley-head">
      <div className="jp-Galley-crumbs">
        <span>{tenant}</span>
        <span aria-hidden="true">›</span>
        <code>{slug}</code>
      </div>
      <div className="jp-Galley-titleRow">
        <h2>
          <Name text={pipeline.name} most={84} />
          {pipeline.live_version ? (
            <Badge
              word={{
                text: trans.__('Live v%1', pipeline.live_version),
                tone: 'good',
                glyph: 'rocket'
              }}
            />
          ) : (
            <Badge word={{ text: trans.__('Nothing live'), tone: 'idle', glyph: 'info' }} />
          )}
        </h2>
        <div className="jp-Galley-actions">
          <Button
            kind="accept"
            label={trans.__('Run…')}
            icon={<runIcon.react tag="span" elementSize="normal" />}
            reason={refused}
            onClick={() => setAsking(true)}
          />
          <Button
            label={trans.__('Try…')}
            title={trans.__('Run a version with other parameters and your own rights')}
            reason={
              !latest
                ? trans.__('There is no version yet.')
                : may(me.value, tenant, 'publish')
                  ? null
                  : trans.__('Your roles in %1 do not allow trying versions.', tenant)
            }
            onClick={() => setTrying(true)}
          />
          {trying && latest && (
            <RunDialog
              trial
              tenant={tenant}
              slug={slug}
              version={latest}
              onClose={() => setTrying(false)}
              onStarted={run => {
                setTrying(false);
                galley.go({ kind: 'run', id: run.id });
              }}
            />
          )}
          <BackfillButton
            pipeline={pipeline}
            onStarted={() => galley.go({ kind: 'pipeline', tenant, slug, tab: 'runs' })}
          />
          <PauseButton pipeline={pipeline} onChanged={props.onChanged} />
          {version && (
            <a
              className="jp-Galley-button"
              href={client.exportUrl(version.id)}
              download={`${slug}-v${version.number}.tar.gz`}
              title={trans.__('A plain Ploomber project: it builds without Galley.')}
            >
              <downloadIcon.react tag="span" elementSize="normal" />
              <span>{trans.__('Export')}</span>
            </a>
          )}
        </div>
      </div>
      {pipeline.description && <p className="jp-Galley-description">{pipeline.description}</p>}
      <div className="jp-Galley-row jp-Galley-muted">
        <span>{trans.__('owned by %1', pipeline.owner)}</span>
        {pipeline.next_firing && (
          <>
            <span>·</span>
            <span>
              {trans.__('next run')}{' '}
              <Time at={pipeline.next_firing} zone={pipeline.schedule?.timezone} />
            </span>
          </>
        )}
        {pipeline.schedule?.paused && (
          <Badge word={{ text: trans.__('Paused'), tone: 'warn', glyph: 'pause' }} />
        )}
        {pipeline.goal && (
          <>
            <span>·</span>
            <span>{goalText(trans, pipeline.goal)}</span>
          </>
        )}
        {waiting && (
          <Link to={{ kind: 'review', id: waiting.id }}>
            <Badge
              word={{
                text: trans.__('v%1 waits for review', waiting.number),
                tone: 'wait',
                glyph: 'eye'
              }}
            />
          </Link>
        )}
      </div>
      {asking && pipeline.live_version && (
        <RunDialog
          tenant={tenant}
          slug={slug}
          version={pipeline.live_version}
          onClose={() => setAsking(false)}
          onStarted={run => {
            setAsking(false);
            galley.go({ kind: 'run', id: run.id });
          }}
        />
      )}
    </header>
  );
}

function Overview(
  props: IBodyProps & { runs: PagedList<Run>; versions: PagedList<Version> }
): JSX.Element {
  const { trans } = useGalley();
  useChanges(props.runs, props.versions);
  const { pipeline, runs, versions } = props;
  const version = liveOf(pipeline, versions.items);
  return (
    <div className="jp-Galley-cards">
      <Section title={trans.__('Last runs')} className="jp-mod-wide">
        {runs.value ? <RunStrip runs={runs.items} /> : <Loading lines={2} />}
        <ProblemBox problem={runs.problem} retry={() => void runs.refresh()} />
      </Section>
      <Section title={trans.__('Goal')}>
        {pipeline.goal ? (
          <GoalTrend
            runs={runs.items}
            metric={pipeline.goal.metric}
            threshold={pipeline.goal.threshold}
          />
        ) : (
          <Empty title={trans.__('No goal is set.')}>
            {trans.__('Name a metric when you publish: its trend is shown here.')}
          </Empty>
        )}
      </Section>
      <Section title={trans.__('Tasks')}>
        {version ? <Tasks version={version} /> : <Loading lines={2} />}
      </Section>
    </div>
  );
}

/** The tasks that a run of the version has, with what crosses between them. */
function Tasks({ version }: { version: Version }): JSX.Element {
  const { evidence } = version;
  const seen = React.useMemo(() => seenIn(evidence), [evidence]);
  const plan = evidence?.proof?.plan;
  if (plan && plan.tasks.length > 1) {
    return <SplitView plan={plan} seen={seen} direction="right" />;
  }
  const tasks = version.tasks ?? [];
  return <TaskGraph graph={tasks.length > 0 ? tasks : (version.analysis?.tasks ?? [])} />;
}
