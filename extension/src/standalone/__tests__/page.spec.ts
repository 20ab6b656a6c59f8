import type { IMe } from '../../api/types';
import { Router } from '../router';
import { Session } from '../session';
import { TenantChoice } from '../tenant-choice';

describe('Router', () => {
  it('follows the address, and the address follows it', () => {
    window.history.replaceState(null, '', '/services/galley/runs/r-1');
    const router = new Router(window);
    let changes = 0;
    router.changed.connect(() => (changes += 1));
    expect(router.place).toEqual({ kind: 'run', id: 'r-1' });
    router.go({ kind: 'pipeline', tenant: 'a', slug: 'b', tab: 'versions' });
    expect(window.location.pathname + window.location.hash).toBe(
      '/services/galley/tenants/a/pipelines/b#versions'
    );
    expect(router.place).toMatchObject({ slug: 'b', tab: 'versions' });
    expect(changes).toBe(1);
    window.history.replaceState(null, '', '/services/galley/nowhere/at/all');
    window.dispatchEvent(new PopStateEvent('popstate'));
    expect(router.place).toBeNull();
  });
});

describe('Session', () => {
  it('has ended after 401 and is back after an answer, not after another refusal', () => {
    const session = new Session();
    const seen: boolean[] = [];
    session.changed.connect(() => seen.push(session.ended));
    for (const status of [200, 401, 403, 500, 200]) {
      session.note(status);
    }
    expect(seen).toEqual([true, false]);
  });
});

describe('TenantChoice', () => {
  const me = { tenants: [{ name: 'a' }, { name: 'b' }] } as unknown as IMe;

  it('is kept, and a tenant that one has left counts as no choice', () => {
    const choice = new TenantChoice(window.localStorage);
    choice.choose('b');
    expect(new TenantChoice(window.localStorage).of(me).map(one => one.name)).toEqual(['b']);
    choice.choose('gone');
    expect(choice.of(me)).toHaveLength(2);
    expect(choice.of(null)).toEqual([]);
  });
});
