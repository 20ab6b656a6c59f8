/** The secrets of one's tenants, and one's own values. */
import * as React from 'react';
import { useChanges } from '../components/context';
import { SecretsOf } from '../components/secrets';
import type { PageGalley } from './galley';

export function SecretsPage({ galley }: { galley: PageGalley }): JSX.Element {
  const { me, tenants, trans } = galley;
  useChanges(me, tenants);
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Secrets')}>
      <header className="jp-Galley-head">
        <div className="jp-Galley-titleRow">
          <h2>{trans.__('Secrets')}</h2>
        </div>
      </header>
      {tenants.of(me.value).map(tenant => (
        <SecretsOf key={tenant.name} tenant={tenant.name} title={tenant.display_name} />
      ))}
    </div>
  );
}
