/** A version by its number, however many have come after it. */
import type { Client } from '../api/client';
import type { Version } from '../api/types';

export async function versionOf(
  client: Client,
  tenant: string,
  slug: string,
  number: number
): Promise<Version | null> {
  let cursor: string | null = null;
  do {
    // Newest first.
    const page = await client.versions(tenant, slug, { limit: 100, cursor });
    const found = page.items.find(one => one.number <= number);
    if (found) {
      return found.number === number ? found : null;
    }
    cursor = page.next_cursor ?? null;
  } while (cursor);
  return null;
}
