/** The pipelines of one's tenants: what is live, how the last runs went, when the next is due. */
import * as React from 'react';
import { searchIcon } from '@jupyterlab/ui-components';
import type { Pipeline, Run } from '../api/types';
import { Empty, Link, Loading, Name, ProblemBox, Time } from '../components/basics';
import { useChanges, useModel } from '../components/context';
import { Badge } from '../components/glyph';
import { RunDots } from '../components/run-charts';
import { loadDay, type IDay } from '../model/day';
import { Resource } from '../model/resource';
import { changed, LISTS_EVERY, toldAmong } from '../model/told';
import type { PageGalley } from './galley';

export function PipelinesPage({ galley }: { galley: PageGalley }): JSX.Element {
  const { client, events, me, tenants, trans } = galley;
  useChanges(me, tenants);
  const [needle, setNeedle] = React.useState('');
  const names = tenants.of(me.value).map(tenant => tenant.name);
  const found = useModel(() => {
    const resource = new Resource<IDay>(() => loadDay(client, names)).follow(
      events,
      event => names.includes(event.tenant) && changed(event),
      LISTS_EVERY,
      toldAmong('runs')
    );
    void resource.refresh();
    return resource;
  }, `pipelines/${names.join()}`);
  const wanted = needle.trim().toLowerCase();
  const shown = (found.value?.pipelines ?? [])
    .filter(one => `${one.name} ${one.slug} ${one.owner}`.toLowerCase().includes(wanted))
    .sort((a, b) => a.name.localeCompare(b.name));
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Pipelines')}>
      <header className="jp-Galley-head">
        <div className="jp-Galley-titleRow">
          <h2>{trans.__('Pipelines')}</h2>
          <label className="jp-Galley-search">
            <searchIcon.react tag="span" elementSize="normal" />
            <input
              type="search"
              value={needle}
              placeholder={trans.__('Filter by name or owner')}
              aria-label={trans.__('Filter pipelines')}
              onChange={event => setNeedle(event.target.value)}
            />
          </label>
        </div>
      </header>
      <ProblemBox problem={found.problem} retry={() => void found.refresh()} />
      {!found.value ? (
        !found.problem && <Loading lines={6} />
      ) : shown.length > 0 ? (
        <Table
          galley={galley}
          pipelines={shown}
          runs={found.value.runs}
          several={names.length > 1}
        />
      ) : found.value.pipelines.length > 0 ? (
        <Empty title={trans.__('No pipeline’s name or owner contains “%1”.', needle)} />
      ) : (
        <Empty title={trans.__('No pipeline yet.')}>
          {trans.__('Open a notebook in JupyterLab and press Publish: it appears here.')}
        </Empty>
      )}
    </div>
  );
}

function Table(props: {
  galley: PageGalley;
  pipelines: Pipeline[];
  runs: Run[];
  several: boolean;
}): JSX.Element {
  const { trans } = props.galley;
  return (
    <table className="jp-Galley-table jp-mod-rows">
      <thead>
        <tr>
          <th>{trans.__('Pipeline')}</th>
          {props.several && <th>{trans.__('Tenant')}</th>}
          <th>{trans.__('Live')}</th>
          <th>{trans.__('Last runs')}</th>
          <th>{trans.__('Next run')}</th>
          <th>{trans.__('Owner')}</th>
        </tr>
      </thead>
      <tbody>
        {props.pipelines.map(pipeline => (
          <Row
            key={pipeline.id}
            {...props}
            pipeline={pipeline}
            onOpen={() =>
              props.galley.go({
                kind: 'pipeline',
                tenant: pipeline.tenant,
                slug: pipeline.slug
              })
            }
          />
        ))}
      </tbody>
    </table>
  );
}

function Row(props: {
  galley: PageGalley;
  pipeline: Pipeline;
  runs: Run[];
  several: boolean;
  onOpen: () => void;
}): JSX.Element {
  const { trans } = props.galley;
  const { pipeline } = props;
  const own = props.runs.filter(
    run => run.pipeline === pipeline.slug && run.tenant === pipeline.tenant
  );
  return (
    <tr onClick={props.onOpen}>
      <td data-label={trans.__('Pipeline')}>
        <Link to={{ kind: 'pipeline', tenant: pipeline.tenant, slug: pipeline.slug }}>
          <Name text={pipeline.name} most={44} />
        </Link>
      </td>
      {props.several && (
        <td data-label={trans.__('Tenant')} className="jp-mod-minor">
          {pipeline.tenant}
        </td>
      )}
      <td data-label={trans.__('Live')}>
        {pipeline.live_version ? (
          <Badge
            plain
            word={{ text: `v${pipeline.live_version}`, tone: 'good', glyph: 'rocket' }}
          />
        ) : (
          <span className="jp-Galley-muted">{trans.__('nothing live')}</span>
        )}
      </td>
      <td data-label={trans.__('Last runs')}>
        <RunDots runs={own.slice(0, 10)} />
      </td>
      <td data-label={trans.__('Next run')}>
        {pipeline.schedule?.paused ? (
          <Badge plain word={{ text: trans.__('Paused'), tone: 'warn', glyph: 'pause' }} />
        ) : pipeline.next_firing ? (
          <Time at={pipeline.next_firing} zone={pipeline.schedule?.timezone} />
        ) : (
          <span className="jp-Galley-muted">{trans.__('by hand')}</span>
        )}
      </td>
      <td data-label={trans.__('Owner')} className="jp-Galley-muted jp-mod-minor">
        {pipeline.owner}
      </td>
    </tr>
  );
}
