/** The bar on top of every page: where one can go, which tenant one looks at, who one is. */
import * as React from 'react';
import { launchIcon, LabIcon } from '@jupyterlab/ui-components';
import galleySvg from '../../style/icons/galley.svg';
import { Link, Name } from '../components/basics';
import { useChanges } from '../components/context';
import type { Place } from '../model/place';
import type { PageGalley } from './galley';
import { moonIcon, sunIcon } from './icons';

const galleyIcon = new LabIcon({ name: 'galley:mark', svgstr: galleySvg });

export interface IBarProps {
  galley: PageGalley;
  place: Place | null;
  /** How many versions wait for the reader. */
  waiting: number;
}

export function TopBar(props: IBarProps): JSX.Element {
  const { galley, place, waiting } = props;
  const { trans } = galley;
  const pages: { to: Place; label: string; kinds: Place['kind'][]; count?: number }[] = [
    { to: { kind: 'today' }, label: trans.__('Today'), kinds: ['today'] },
    { to: { kind: 'pipelines' }, label: trans.__('Pipelines'), kinds: ['pipelines', 'pipeline'] },
    { to: { kind: 'runs' }, label: trans.__('Runs'), kinds: ['runs', 'run'] },
    { to: { kind: 'calendar' }, label: trans.__('Calendar'), kinds: ['calendar'] },
    {
      to: { kind: 'reviews' },
      label: trans.__('Reviews'),
      kinds: ['reviews', 'review'],
      count: waiting
    },
    { to: { kind: 'secrets' }, label: trans.__('Secrets'), kinds: ['secrets'] },
    { to: { kind: 'storage' }, label: trans.__('Storage'), kinds: ['storage'] }
  ];
  return (
    <header className="jp-GalleyApp-bar">
      <Link to={{ kind: 'today' }} className="jp-GalleyApp-mark" title="Galley">
        <galleyIcon.react tag="span" width="22px" height="22px" />
        <strong>Galley</strong>
      </Link>
      <nav aria-label={trans.__('Pages')}>
        {pages.map(page => (
          <Link
            key={page.to.kind}
            to={page.to}
            current={place !== null && page.kinds.includes(place.kind)}
          >
            {page.label}
            {page.count ? (
              <span
                className="jp-Galley-count"
                aria-label={trans._n('%1 waits for you', '%1 wait for you', page.count)}
              >
                {page.count}
              </span>
            ) : null}
          </Link>
        ))}
      </nav>
      <span className="jp-Galley-spacer" />
      <TenantSwitch galley={galley} />
      <JupyterLink galley={galley} />
      <ThemeToggle galley={galley} />
      <User galley={galley} />
    </header>
  );
}

function TenantSwitch({ galley }: { galley: PageGalley }): JSX.Element | null {
  const { trans, me, tenants } = galley;
  useChanges(me, tenants);
  const own = me.value?.tenants ?? [];
  if (own.length === 0) {
    return null;
  }
  const shown = tenants.of(me.value);
  return (
    <label className="jp-GalleyApp-tenant">
      <span className="jp-Galley-hidden">{trans.__('Tenant')}</span>
      <select
        value={shown.length === 1 ? shown[0].name : ''}
        title={trans.__('The team whose work is shown')}
        onChange={event => tenants.choose(event.target.value)}
      >
        {own.length > 1 && <option value="">{trans.__('All my tenants')}</option>}
        {own.map(tenant => (
          <option key={tenant.name} value={tenant.name}>
            {tenant.display_name}
          </option>
        ))}
      </select>
    </label>
  );
}

function JupyterLink({ galley }: { galley: PageGalley }): JSX.Element | null {
  const { trans, me, tenants } = galley;
  useChanges(me, tenants);
  const shown = tenants.of(me.value).filter(tenant => tenant.available);
  if (!me.value || shown.length === 0) {
    return null;
  }
  const address =
    shown.length === 1
      ? `/hub/spawn/${encodeURIComponent(me.value.user)}/${encodeURIComponent(shown[0].name)}`
      : '/hub/home';
  return (
    <a
      className="jp-GalleyApp-lab"
      href={address}
      target="_blank"
      rel="noopener"
      title={
        shown.length === 1
          ? trans.__('Opens JupyterLab for %1', shown[0].display_name)
          : trans.__('Choose the tenant whose JupyterLab you want')
      }
    >
      <launchIcon.react tag="span" elementSize="normal" />
      <span>JupyterLab</span>
    </a>
  );
}

function ThemeToggle({ galley }: { galley: PageGalley }): JSX.Element {
  const { trans, theme } = galley;
  useChanges(theme);
  const label = theme.name === 'dark' ? trans.__('Light theme') : trans.__('Dark theme');
  const Icon = theme.name === 'dark' ? sunIcon : moonIcon;
  return (
    <button
      type="button"
      className="jp-Galley-iconButton"
      aria-label={label}
      title={label}
      onClick={() => theme.toggle()}
    >
      <Icon.react tag="span" width="18px" height="18px" />
    </button>
  );
}

function User({ galley }: { galley: PageGalley }): JSX.Element | null {
  const { trans, me } = galley;
  useChanges(me);
  return me.value ? (
    <span className="jp-GalleyApp-user">
      <span className="jp-GalleyApp-userName" title={trans.__('Signed in as %1', me.value.user)}>
        <Name text={me.value.user} most={18} />
      </span>
      <a href="/services/galley/logout">{trans.__('Sign out')}</a>
    </span>
  ) : null;
}
