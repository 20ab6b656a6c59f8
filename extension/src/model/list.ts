/** A list that is loaded page by page, as far as it is looked at. */
import type { IPage } from '../api/types';
import { Resource } from './resource';

/** The most that the service gives at once. */
const MOST = 200;

export type PageLoader<T> = (cursor: string | null, limit: number) => Promise<IPage<T>>;

export interface ILoaded<T> {
  items: T[];
  cursor: string | null;
  /** How many pages the items are. */
  pages: number;
}

export class PagedList<T extends { id: unknown }> extends Resource<ILoaded<T>> {
  /** @param size - how many items a page has. */
  constructor(
    private pages: PageLoader<T>,
    private readonly size: number
  ) {
    super(() => this.loadAsFarAsSeen());
  }

  get items(): T[] {
    return this.value?.items ?? [];
  }

  get hasMore(): boolean {
    return this.value?.cursor !== null && this.value !== null;
  }

  /** Whether more was asked for than is there, because it loads or did not come. */
  get wantsMore(): boolean {
    return this.value !== null && this.seen > this.value.pages;
  }

  /** Show another selection from its beginning. */
  select(pages: PageLoader<T>): Promise<void> {
    this.pages = pages;
    this.seen = 1;
    this.value = null;
    return this.refresh();
  }

  /** Show a page more. What is seen is loaded anew with it: both are of one moment. */
  async more(): Promise<void> {
    if (this.hasMore && !(this.wantsMore && this.loading)) {
      this.seen = this.value!.pages + 1;
      await this.refresh();
    }
  }

  /** All pages that are seen are loaded anew: what is on a later one changes, too. */
  private async loadAsFarAsSeen(): Promise<ILoaded<T>> {
    const pages = this.seen;
    const items: T[] = [];
    let cursor: string | null = null;
    let open = pages * this.size;
    do {
      const limit = Math.min(open, MOST);
      const page: IPage<T> = await this.pages(cursor, limit);
      items.push(...page.items);
      cursor = page.next_cursor ?? null;
      open -= limit;
    } while (cursor && open > 0);
    return { items, cursor, pages };
  }

  private seen = 1;
}
