/** Reviews: what waits for the reader, and everything that is or was in review. */
import * as React from 'react';
import type { Version } from '../api/types';
import { Empty, Loading, ProblemBox } from '../components/basics';
import { useChanges, useModel, useTrans } from '../components/context';
import { Choice } from '../components/field';
import { More } from '../components/more';
import { ReviewItem } from '../components/rows';
import { PagedList } from '../model/list';
import { ofSeveral } from '../model/several';
import type { PageGalley } from './galley';

type Which = 'mine' | 'waiting' | 'all';

export function ReviewsPage(props: {
  galley: PageGalley;
  waiting: PagedList<Version>;
}): JSX.Element {
  const { galley } = props;
  const { me, tenants, trans } = galley;
  useChanges(me, tenants);
  const [which, setWhich] = React.useState<Which>('mine');
  const names = tenants.of(me.value).map(tenant => tenant.name);
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Reviews')}>
      <header className="jp-Galley-head">
        <div className="jp-Galley-titleRow">
          <h2>{trans.__('Reviews')}</h2>
          <Choice<Which>
            label={trans.__('Which reviews')}
            value={which}
            onChange={setWhich}
            options={[
              { value: 'mine', label: trans.__('Waiting for you') },
              { value: 'waiting', label: trans.__('Waiting for anybody') },
              { value: 'all', label: trans.__('All') }
            ]}
          />
        </div>
      </header>
      {which === 'mine' ? (
        <List
          list={props.waiting}
          names={names}
          empty={
            <Empty title={trans.__('Nothing waits for you.')}>
              {trans.__('What others publish and you may decide about comes here by itself.')}
            </Empty>
          }
        />
      ) : (
        <Others galley={galley} names={names} state={which} />
      )}
    </div>
  );
}

function Others(props: {
  galley: PageGalley;
  names: string[];
  state: 'waiting' | 'all';
}): JSX.Element {
  const { names, state } = props;
  const { client, events, trans } = props.galley;
  const list = useModel(() => {
    const found = new PagedList<Version>(
      ofSeveral(names, (tenant, cursor, limit) =>
        client.tenantReviews(tenant, { state, cursor, limit })
      ),
      50
    ).follow(events, event => event.kind === 'version.changed');
    void found.refresh();
    return found;
  }, `${names.join()}/${state}`);
  return (
    <List
      list={list}
      names={names}
      empty={
        <Empty
          title={
            state === 'waiting'
              ? trans.__('Nothing waits for a review.')
              : trans.__('Nothing was ever in review.')
          }
        />
      }
    />
  );
}

function List(props: {
  list: PagedList<Version>;
  names: string[];
  empty: JSX.Element;
}): JSX.Element {
  const trans = useTrans();
  const { list, names } = props;
  useChanges(list);
  if (!list.value) {
    return list.problem ? (
      <ProblemBox problem={list.problem} retry={() => void list.refresh()} />
    ) : (
      <Loading lines={5} />
    );
  }
  const shown = list.items.filter(version => names.includes(version.tenant));
  return (
    <>
      <ProblemBox problem={list.problem} retry={() => void list.refresh()} />
      {shown.length === 0 ? (
        props.empty
      ) : (
        <ul className="jp-Galley-items jp-mod-wide">
          {shown.map(version => (
            <ReviewItem
              key={version.id}
              version={version}
              tenant={names.length > 1 ? version.tenant : undefined}
            />
          ))}
        </ul>
      )}
      <More list={list} label={trans.__('Show older reviews')} />
    </>
  );
}
