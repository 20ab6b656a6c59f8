/** The runs of one's tenants, newest first. */
import * as React from 'react';
import type { Pipeline, Run } from '../api/types';
import { Button, Empty } from '../components/basics';
import { useChanges, useModel } from '../components/context';
import { KindFilter, PipelineFilter, RunTable, StateFilter } from '../components/run-list';
import { PagedList } from '../model/list';
import type { IRunFilter } from '../model/place';
import { Resource } from '../model/resource';
import { ofSeveral } from '../model/several';
import { LISTS_EVERY, toldAmong } from '../model/told';
import type { PageGalley } from './galley';

export function RunsPage(props: {
  galley: PageGalley;
  filter: IRunFilter;
  onFilter: (filter: IRunFilter) => void;
}): JSX.Element {
  const { galley, filter, onFilter } = props;
  const { client, events, me, tenants, trans } = galley;
  useChanges(me, tenants);
  const { state = '', of = 'pipeline', pipeline = '' } = filter;
  const own = tenants.of(me.value).map(tenant => tenant.name);
  const [tenant, slug] = pipeline ? pipeline.split('/') : [];
  const names = own.filter(name => !tenant || name === tenant);
  const pipelines = useModel(() => {
    const known = new Resource<Pipeline[]>(async () => {
      const pages = await Promise.allSettled(
        own.map(name => client.pipelines(name, { limit: 200 }))
      );
      return pages.flatMap(page => (page.status === 'fulfilled' ? page.value.items : []));
    });
    void known.refresh();
    return known;
  }, `pipelines/${own.join()}`);
  const runs = useModel(() => {
    const kind = of === 'all' ? '' : of;
    const list = new PagedList<Run>(
      ofSeveral(names, (name, cursor, limit) =>
        client.runs(name, { state, kind, pipeline: slug ?? '', cursor, limit })
      ),
      50
    ).follow(
      events,
      event =>
        names.includes(event.tenant) &&
        event.kind === 'run.changed' &&
        (!slug || event.pipeline === slug),
      LISTS_EVERY,
      toldAmong('items')
    );
    void list.refresh();
    return list;
  }, `${names.join()}/${state}/${of}/${pipeline}`);
  const change = (changed: IRunFilter): void => onFilter({ ...filter, ...changed });
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Runs')}>
      <header className="jp-Galley-head">
        <div className="jp-Galley-titleRow">
          <h2>{trans.__('Runs')}</h2>
          <div className="jp-Galley-row">
            <PipelineFilter
              value={pipeline}
              pipelines={pipelines.value ?? []}
              withTenant={own.length > 1}
              onChange={chosen => change({ pipeline: chosen || undefined })}
            />
            <KindFilter
              value={of}
              onChange={kind => change({ of: kind === 'pipeline' ? undefined : kind })}
            />
            <StateFilter
              value={state}
              onChange={chosen => change({ state: chosen || undefined })}
            />
          </div>
        </div>
      </header>
      <RunTable
        list={runs}
        withPipeline
        withTenant={names.length > 1}
        empty={
          state || pipeline ? (
            <Empty title={trans.__('No run matches these filters.')}>
              <Button label={trans.__('Show all runs')} onClick={() => onFilter({ of: 'all' })} />
            </Empty>
          ) : (
            <Empty title={trans.__('Nothing has run yet.')}>
              {trans.__(
                '“Run…” on a pipeline’s page starts a run; a schedule starts them by itself.'
              )}
            </Empty>
          )
        }
      />
    </div>
  );
}
