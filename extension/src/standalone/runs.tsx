/** The runs of one's tenants, newest first. */
import * as React from 'react';
import type { Run } from '../api/types';
import { Empty } from '../components/basics';
import { useChanges, useModel } from '../components/context';
import { KindFilter, RunTable, StateFilter } from '../components/run-list';
import { PagedList } from '../model/list';
import { ofSeveral } from '../model/several';
import type { PageGalley } from './galley';

export function RunsPage({ galley }: { galley: PageGalley }): JSX.Element {
  const { client, events, me, tenants, trans } = galley;
  useChanges(me, tenants);
  const [state, setState] = React.useState('');
  const [kind, setKind] = React.useState('pipeline');
  const names = tenants.of(me.value).map(tenant => tenant.name);
  const runs = useModel(() => {
    const list = new PagedList<Run>(
      ofSeveral(names, (tenant, cursor) => client.runs(tenant, { state, kind, cursor, limit: 50 }))
    ).follow(events, event => names.includes(event.tenant) && event.kind.startsWith('run.'));
    void list.refresh();
    return list;
  }, `${names.join()}/${state}/${kind}`);
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Runs')}>
      <header className="jp-Galley-head">
        <div className="jp-Galley-titleRow">
          <h2>{trans.__('Runs')}</h2>
          <div className="jp-Galley-row">
            <KindFilter value={kind} onChange={setKind} />
            <StateFilter value={state} onChange={setState} />
          </div>
        </div>
      </header>
      <RunTable
        list={runs}
        withPipeline
        withTenant={names.length > 1}
        empty={
          state ? (
            <Empty title={trans.__('No run is in this state.')} />
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
