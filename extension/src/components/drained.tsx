/** A word while hosts are drained: why runs that are asked for do not start. */
import * as React from 'react';
import type { Drain } from '../api/types';
import { Resource } from '../model/resource';
import { Time } from './basics';
import { useGalley, useModel } from './context';
import { Glyph } from './glyph';

export function DrainBanner(): JSX.Element | null {
  const { client, events, trans } = useGalley();
  const drains = useModel(() => {
    const resource = new Resource<Drain[]>(() => client.drains()).follow(
      events,
      event =>
        event.kind === 'hosts.changed' ||
        // An attempt that ended is one less to wait for.
        (event.kind === 'run.changed' && (resource.value?.length ?? 0) > 0)
    );
    void resource.refresh();
    return resource;
  }, 'drains');
  if (!drains.value?.length) {
    return null;
  }
  return (
    <div className="jp-Galley-banner" role="status">
      <Glyph name="pause" />
      <span>
        {drains.value.map(drain => (
          <div key={drain.host}>
            {drain.host === '*'
              ? trans.__('No new run is started: all hosts were drained by %1,', drain.by)
              : trans.__(
                  '%1 is given no new runs: it was drained by %2,',
                  drain.host,
                  drain.by
                )}{' '}
            <Time at={drain.since} />.{' '}
            {drain.running > 0
              ? trans._n('%1 attempt goes on there.', '%1 attempts go on there.', drain.running)
              : drain.host !== '*' && drain.hosts.length === 0
                ? trans.__('No host of that name has asked for work lately.')
                : trans.__('Nothing runs there any more.')}
          </div>
        ))}
      </span>
    </div>
  );
}
