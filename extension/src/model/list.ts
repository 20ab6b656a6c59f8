/** A list that is loaded page by page, as far as it is looked at. */
import type { IPage } from '../api/types';
import { Resource } from './resource';

export type PageLoader<T> = (cursor: string | null) => Promise<IPage<T>>;

export interface ILoaded<T> {
  items: T[];
  cursor: string | null;
}

export class PagedList<T extends { id: unknown }> extends Resource<ILoaded<T>> {
  constructor(private pages: PageLoader<T>) {
    super(() => this.loadAsFarAsSeen());
  }

  get items(): T[] {
    return this.value?.items ?? [];
  }

  get hasMore(): boolean {
    return this.value?.cursor !== null && this.value !== null;
  }

  /** Show another selection from its beginning. */
  select(pages: PageLoader<T>): Promise<void> {
    this.pages = pages;
    this.value = null;
    return this.refresh();
  }

  async more(): Promise<void> {
    const cursor = this.value?.cursor;
    if (!cursor || this.loadingMore) {
      return;
    }
    this.loadingMore = true;
    try {
      const page = await this.pages(cursor);
      if (this.value && this.value.cursor === cursor) {
        this.set({ items: merge(this.value.items, page.items), cursor: page.next_cursor ?? null });
      }
    } finally {
      this.loadingMore = false;
    }
  }

  private async loadAsFarAsSeen(): Promise<ILoaded<T>> {
    const first = await this.pages(null);
    const old = this.value;
    if (!old || !first.next_cursor || old.items.length <= first.items.length) {
      return { items: first.items, cursor: first.next_cursor ?? null };
    }
    return { items: merge(first.items, old.items), cursor: old.cursor };
  }

  private loadingMore = false;
}

/** `first` followed by what of `rest` it does not hold yet. */
function merge<T extends { id: unknown }>(first: T[], rest: T[]): T[] {
  const seen = new Set(first.map(item => item.id));
  return [...first, ...rest.filter(item => !seen.has(item.id))];
}
