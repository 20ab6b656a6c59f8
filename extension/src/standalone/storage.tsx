/** What one's tenants keep on disk, and for how long. */
import * as React from 'react';
import { StorageOf } from '../components/storage';
import { useChanges } from '../components/context';
import type { PageGalley } from './galley';

export function StoragePage({ galley }: { galley: PageGalley }): JSX.Element {
  const { me, tenants, trans } = galley;
  useChanges(me, tenants);
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Storage')}>
      <header className="jp-Galley-head">
        <div className="jp-Galley-titleRow">
          <h2>{trans.__('Storage')}</h2>
        </div>
      </header>
      {tenants.of(me.value).map(tenant => (
        <StorageOf key={tenant.name} tenant={tenant.name} title={tenant.display_name} />
      ))}
    </div>
  );
}
