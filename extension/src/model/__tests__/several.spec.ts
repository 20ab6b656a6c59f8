import { ofSeveral } from '../several';

const PAGES: Record<string, { items: { created_at: string }[]; next_cursor: string | null }> = {
  'a:': { items: [{ created_at: '3' }, { created_at: '1' }], next_cursor: 'more' },
  'b:': { items: [{ created_at: '2' }], next_cursor: null },
  'a:more': { items: [{ created_at: '0' }], next_cursor: null }
};

describe('ofSeveral', () => {
  it('merges newest first and reads on only where there is more', async () => {
    const asked: string[] = [];
    const pages = ofSeveral(['a', 'b'], (tenant, cursor) => {
      asked.push(`${tenant}:${cursor ?? ''}`);
      return Promise.resolve(PAGES[`${tenant}:${cursor ?? ''}`]);
    });
    const first = await pages(null, 2);
    expect(first.items.map(item => item.created_at)).toEqual(['3', '2', '1']);
    const second = await pages(first.next_cursor!, 2);
    expect(second).toEqual({ items: [{ created_at: '0' }], next_cursor: null });
    expect(asked).toEqual(['a:', 'b:', 'a:more']);
  });
});
