/** The whole page: bar, banners, the place that the address names, and toasts. */
import * as React from 'react';
import { closeIcon } from '@jupyterlab/ui-components';
import type { Version } from '../api/types';
import { Empty, Link, Loading, ProblemBox } from '../components/basics';
import { ComparePage } from '../components/compare-page';
import { ConnectionBanner } from '../components/connection';
import { GalleyProvider, useChanges, useModel } from '../components/context';
import { DrainBanner } from '../components/drained';
import { Glyph } from '../components/glyph';
import { PipelinePage } from '../components/pipeline-page';
import { ReviewPage } from '../components/review-page';
import { RunPage } from '../components/run-page';
import { PagedList } from '../model/list';
import type { Place } from '../model/place';
import type { PageGalley } from './galley';
import { CalendarPage } from './calendar';
import { PipelinesPage } from './pipelines';
import { ReviewsPage } from './reviews';
import { RunsPage } from './runs';
import { SecretsPage } from './secrets';
import { StoragePage } from './storage';
import { TodayPage } from './today';
import { TopBar } from './top-bar';

export function App({ galley }: { galley: PageGalley }): JSX.Element {
  useChanges(galley.router);
  return (
    <GalleyProvider value={galley}>
      <Shell galley={galley} place={galley.router.place} />
    </GalleyProvider>
  );
}

function Shell({ galley, place }: { galley: PageGalley; place: Place | null }): JSX.Element {
  const { client, events } = galley;
  const waiting = useModel(() => {
    const list = new PagedList<Version>(
      (cursor, limit) => client.reviews({ cursor, limit }),
      100
    ).follow(events, event => event.kind === 'version.changed');
    void list.refresh();
    return list;
  }, 'waiting');
  React.useEffect(() => {
    document.title = titleOf(galley, place);
  }, [galley, place]);
  return (
    <div className="jp-Galley jp-GalleyApp">
      <TopBar galley={galley} place={place} waiting={waiting.items.length} />
      <SessionBanner galley={galley} />
      <DrainBanner />
      <main key={keyOf(place)}>
        <Member galley={galley}>
          <PlaceView galley={galley} place={place} waiting={waiting} />
        </Member>
      </main>
      <ToastList galley={galley} />
    </div>
  );
}

/** What a member of no tenant sees, and everybody before it is known who they are. */
function Member(props: { galley: PageGalley; children: React.ReactNode }): JSX.Element {
  const { me, trans } = props.galley;
  useChanges(me);
  if (!me.value) {
    return (
      <div className="jp-Galley-page">
        {me.problem ? (
          <ProblemBox problem={me.problem} retry={() => void me.refresh()} />
        ) : (
          <Loading lines={6} />
        )}
      </div>
    );
  }
  if (me.value.tenants.length === 0) {
    return (
      <div className="jp-Galley-page">
        <Empty title={trans.__('You are not a member of a tenant yet.')}>
          {trans.__('Ask the operator to add “%1” to one in the tenants file.', me.value.user)}
        </Empty>
      </div>
    );
  }
  return <>{props.children}</>;
}

function PlaceView(props: {
  galley: PageGalley;
  place: Place | null;
  waiting: PagedList<Version>;
}): JSX.Element {
  const { galley, place, waiting } = props;
  const { trans } = galley;
  switch (place?.kind) {
    case 'today':
      return <TodayPage galley={galley} waiting={waiting} />;
    case 'pipelines':
      return <PipelinesPage galley={galley} />;
    case 'runs':
      return (
        <RunsPage
          galley={galley}
          filter={place.filter ?? {}}
          onFilter={filter => galley.router.replace({ kind: 'runs', filter })}
        />
      );
    case 'calendar':
      return <CalendarPage galley={galley} />;
    case 'reviews':
      return <ReviewsPage galley={galley} waiting={waiting} />;
    case 'secrets':
      return <SecretsPage galley={galley} />;
    case 'storage':
      return <StoragePage galley={galley} />;
    case 'pipeline':
      return (
        <PipelinePage
          tenant={place.tenant}
          slug={place.slug}
          tab={place.tab}
          onTab={tab => galley.router.replace({ ...place, tab })}
        />
      );
    case 'run':
      return (
        <RunPage
          id={place.id}
          part={place.part}
          onPart={part => galley.router.replace({ ...place, part })}
        />
      );
    case 'compare':
      return <ComparePage left={place.left} right={place.right} />;
    case 'review':
      return <ReviewPage id={place.id} />;
    default:
      return (
        <div className="jp-Galley-page">
          <Empty title={trans.__('There is nothing at this address.')}>
            <Link to={{ kind: 'today' }}>{trans.__('Go to Today')}</Link>
          </Empty>
        </div>
      );
  }
}

function SessionBanner({ galley }: { galley: PageGalley }): JSX.Element {
  const { session, trans } = galley;
  useChanges(session);
  return session.ended ? (
    <div className="jp-Galley-banner" role="alert">
      <Glyph name="warning" />
      <span>
        {trans.__(
          'Your session has ended: nothing can be read or changed until you sign in again.'
        )}
      </span>
      <a className="jp-Galley-link" href={window.location.href.split('#')[0]}>
        {trans.__('Sign in')}
      </a>
    </div>
  ) : (
    <ConnectionBanner />
  );
}

function ToastList({ galley }: { galley: PageGalley }): JSX.Element {
  const { toasts, trans } = galley;
  useChanges(toasts);
  return (
    <div className="jp-GalleyApp-toasts" role="status" aria-live="polite">
      {toasts.items.map(toast => (
        <div key={toast.id} className={`jp-GalleyApp-toast jp-mod-${toast.kind}`}>
          <Glyph
            name={toast.kind === 'success' ? 'check' : toast.kind === 'error' ? 'cross' : 'info'}
          />
          <span>{toast.message}</span>
          <button
            type="button"
            className="jp-Galley-iconButton"
            aria-label={trans.__('Close')}
            onClick={() => toasts.remove(toast.id)}
          >
            <closeIcon.react tag="span" elementSize="normal" />
          </button>
        </div>
      ))}
    </div>
  );
}

function titleOf({ trans }: PageGalley, place: Place | null): string {
  const names: Record<Place['kind'], string> = {
    today: trans.__('Today'),
    pipelines: trans.__('Pipelines'),
    runs: trans.__('Runs'),
    calendar: trans.__('Calendar'),
    reviews: trans.__('Reviews'),
    secrets: trans.__('Secrets'),
    storage: trans.__('Storage'),
    pipeline: place?.kind === 'pipeline' ? place.slug : '',
    run: trans.__('Run'),
    compare: trans.__('Compare'),
    review: trans.__('Review')
  };
  return place ? `${names[place.kind]} · Galley` : 'Galley';
}

/** Another thing gets a fresh page; another tab of it does not. */
function keyOf(place: Place | null): string {
  switch (place?.kind) {
    case 'pipeline':
      return `pipeline/${place.tenant}/${place.slug}`;
    case 'compare':
      return `compare/${place.left}/${place.right}`;
    case 'run':
    case 'review':
      return `${place.kind}/${place.id}`;
    default:
      return place?.kind ?? 'nothing';
  }
}
