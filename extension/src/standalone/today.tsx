/** Today: the day's runs on a line, what failed, what waits for the reader, what comes next. */
import * as React from 'react';
import type { Pipeline, Run, Version } from '../api/types';
import { Empty, Link, Loading, Name, ProblemBox, Section, Time } from '../components/basics';
import { useChanges, useModel, useNow } from '../components/context';
import { DayChart } from '../components/day-chart';
import { Glyph } from '../components/glyph';
import { ReviewItem, RunItem } from '../components/rows';
import { lanes, loadDay, windowAround, within, type IDay } from '../model/day';
import type { PagedList } from '../model/list';
import { Resource } from '../model/resource';
import { changed, LISTS_EVERY, toldAmong } from '../model/told';
import { ended, type Tone } from '../model/words';
import type { PageGalley } from './galley';

export function TodayPage(props: { galley: PageGalley; waiting: PagedList<Version> }): JSX.Element {
  const { galley, waiting } = props;
  const { client, events, me, tenants, trans } = galley;
  useChanges(me, tenants, waiting);
  const now = useNow(30);
  const names = tenants.of(me.value).map(tenant => tenant.name);
  const day = useModel(() => {
    const resource = new Resource<IDay>(() => loadDay(client, names)).follow(
      events,
      event => names.includes(event.tenant) && changed(event),
      LISTS_EVERY,
      toldAmong('runs')
    );
    void resource.refresh();
    return resource;
  }, `today/${names.join()}`);
  const reviews = waiting.items.filter(version => names.includes(version.tenant));
  const several = names.length > 1;
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Today')}>
      <header className="jp-Galley-head">
        <div className="jp-Galley-titleRow">
          <h2>
            {trans.__('Today')}
            <span className="jp-Galley-sentence">
              {now.toLocaleDateString(undefined, {
                weekday: 'long',
                day: 'numeric',
                month: 'long'
              })}
            </span>
          </h2>
        </div>
      </header>
      <ProblemBox problem={day.problem} retry={() => void day.refresh()} />
      {day.value ? (
        <Day
          galley={galley}
          day={day.value}
          reviews={reviews}
          reviewsKnown={waiting.value !== null}
          several={several}
          now={now}
        />
      ) : (
        !day.problem && <Loading lines={6} />
      )}
    </div>
  );
}

interface IDayProps {
  galley: PageGalley;
  day: IDay;
  reviews: Version[];
  reviewsKnown: boolean;
  several: boolean;
  now: Date;
}

function Day(props: IDayProps): JSX.Element {
  const { galley, day, reviews, now } = props;
  const { trans } = galley;
  const window = windowAround(now);
  const recent = day.runs.filter(run => within(run, window, now));
  const failed = recent.filter(run => run.state === 'failed' || run.state === 'timed_out');
  const busy = recent.filter(run => !ended(run.state));
  const succeeded = recent.filter(run => run.state === 'succeeded');
  const rows = lanes(day, window, now);
  const coming = day.pipelines
    .filter(pipeline => pipeline.next_firing && !pipeline.schedule?.paused)
    .sort((a, b) => (a.next_firing ?? '').localeCompare(b.next_firing ?? ''))
    .slice(0, 6);
  return (
    <>
      <div className="jp-Galley-tiles">
        <Tile count={reviews.length} tone="wait" label={trans.__('waiting for you')} />
        <Tile count={failed.length} tone="bad" label={trans.__('failed')} />
        <Tile count={busy.length} tone="busy" label={trans.__('running or queued')} />
        <Tile count={succeeded.length} tone="good" label={trans.__('succeeded')} />
      </div>
      {day.pipelines.length === 0 ? (
        <Empty title={trans.__('No pipeline yet.')}>
          {trans.__('Open a notebook in JupyterLab and press Publish: it appears here.')}
        </Empty>
      ) : (
        <Section title={trans.__('Runs')} className="jp-mod-wide">
          {rows.length > 0 ? (
            <DayChart lanes={rows} window={window} now={now} />
          ) : (
            <Empty
              title={trans.__('Nothing ran in the last 18 hours, nothing is due in the next 6.')}
            />
          )}
        </Section>
      )}
      <div className="jp-Galley-cards jp-mod-flow">
        <Section title={trans.__('Waiting for you')}>
          <Items empty={trans.__('Nothing waits for your review.')} known={props.reviewsKnown}>
            {reviews.map(version => (
              <ReviewItem
                key={version.id}
                version={version}
                tenant={props.several ? version.tenant : undefined}
              />
            ))}
          </Items>
        </Section>
        <Section title={trans.__('What failed')}>
          <Runs runs={failed} {...props} empty={trans.__('No run failed in the last 18 hours.')} />
        </Section>
        <Section title={trans.__('Under way')}>
          <Runs runs={busy} {...props} empty={trans.__('Nothing runs at the moment.')} />
        </Section>
        <Section title={trans.__('Next')}>
          <Items empty={trans.__('No schedule is active.')} known>
            {coming.map(pipeline => (
              <Coming key={pipeline.id} pipeline={pipeline} several={props.several} />
            ))}
          </Items>
        </Section>
      </div>
    </>
  );
}

function Tile(props: { count: number; label: string; tone: Tone }): JSX.Element {
  return (
    <div className={`jp-Galley-tile jp-mod-${props.count ? props.tone : 'idle'}`}>
      <strong>{props.count}</strong>
      <span>{props.label}</span>
    </div>
  );
}

function Runs(props: { runs: Run[]; empty: string; several: boolean }): JSX.Element {
  return (
    <Items empty={props.empty} known>
      {props.runs.slice(0, 8).map(run => (
        <RunItem key={run.id} run={run} tenant={props.several ? run.tenant : undefined} />
      ))}
    </Items>
  );
}

function Items(props: { children: JSX.Element[]; empty: string; known: boolean }): JSX.Element {
  if (!props.known) {
    return <Loading lines={2} />;
  }
  return props.children.length > 0 ? (
    <ul className="jp-Galley-items">{props.children}</ul>
  ) : (
    <p className="jp-Galley-muted">{props.empty}</p>
  );
}

function Coming(props: { pipeline: Pipeline; several: boolean }): JSX.Element {
  const { pipeline } = props;
  return (
    <li className="jp-Galley-item">
      <span className="jp-Galley-dot jp-mod-wait">
        <Glyph name="clock" />
      </span>
      <div>
        <Link to={{ kind: 'pipeline', tenant: pipeline.tenant, slug: pipeline.slug }}>
          <Name text={pipeline.name} most={44} />
        </Link>
        {props.several && <div className="jp-Galley-muted">{pipeline.tenant}</div>}
      </div>
      <span className="jp-Galley-muted">
        <Time at={pipeline.next_firing ?? ''} zone={pipeline.schedule?.timezone} />
      </span>
    </li>
  );
}
