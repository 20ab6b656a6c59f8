/** One list out of the lists of several tenants, each read on by a cursor of its own. */
import type { IPage } from '../api/types';
import type { PageLoader } from './list';

type Cursors = Record<string, string | null>;

/** Pages that hold a page of each tenant, as many items of each as are asked for, newest first; a tenant that has no more is left out. */
export function ofSeveral<T extends { created_at: string }>(
  tenants: readonly string[],
  load: (tenant: string, cursor: string | null, limit: number) => Promise<IPage<T>>
): PageLoader<T> {
  return async (cursor, limit) => {
    const cursors: Cursors =
      cursor === null
        ? Object.fromEntries(tenants.map(tenant => [tenant, null]))
        : (JSON.parse(cursor) as Cursors);
    const pages = await Promise.all(
      Object.entries(cursors).map(async ([tenant, from]) => ({
        tenant,
        page: await load(tenant, from, limit)
      }))
    );
    const next: Cursors = {};
    for (const { tenant, page } of pages) {
      if (page.next_cursor) {
        next[tenant] = page.next_cursor;
      }
    }
    return {
      items: pages
        .flatMap(({ page }) => page.items)
        .sort((a, b) => b.created_at.localeCompare(a.created_at)),
      next_cursor: Object.keys(next).length > 0 ? JSON.stringify(next) : null
    };
  };
}
