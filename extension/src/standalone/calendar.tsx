/** The calendar of one's tenants. */
import * as React from 'react';
import { CalendarView } from '../components/calendar';
import { useChanges } from '../components/context';
import type { PageGalley } from './galley';

export function CalendarPage({ galley }: { galley: PageGalley }): JSX.Element {
  const { me, tenants, trans } = galley;
  useChanges(me, tenants);
  const scopes = tenants.of(me.value).map(tenant => ({ tenant: tenant.name }));
  return (
    <div className="jp-Galley-page" aria-label={trans.__('Calendar')}>
      <header className="jp-Galley-head">
        <div className="jp-Galley-titleRow">
          <h2>{trans.__('Calendar')}</h2>
        </div>
      </header>
      <CalendarView scopes={scopes} />
    </div>
  );
}
