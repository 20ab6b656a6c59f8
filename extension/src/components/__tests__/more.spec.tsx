import * as React from 'react';
import { Problem } from '../../api/problem';
import { button, clear, draw, settle, stage } from '../../__tests__/galley';
import { PagedList } from '../../model/list';
import { useChanges } from '../context';
import { More } from '../more';

afterEach(clear);

function Shown({ list }: { list: PagedList<{ id: number }> }): JSX.Element {
  useChanges(list);
  return <More list={list} label="Show older" />;
}

describe('More', () => {
  it('is busy while more loads, says when it does not come, and goes with the last', async () => {
    const answers: ((page: { items: { id: number }[] } | Problem) => void)[] = [];
    const list = new PagedList<{ id: number }>(
      () =>
        new Promise((resolve, reject) =>
          answers.push(page => (page instanceof Problem ? reject(page) : resolve(page)))
        ),
      1
    );
    const box = await draw(stage().galley, <Shown list={list} />);
    void list.refresh();
    await settle(() => answers[0]({ items: [{ id: 1 }], next_cursor: '1' } as never));
    expect(button('Show older').getAttribute('aria-busy')).toBe('false');
    await settle(() => button('Show older').click());
    expect(button('Show older').getAttribute('aria-busy')).toBe('true');
    await settle(() => answers[1](new Problem('no room', 500, 'error')));
    expect(box.querySelector('[role=alert]')!.textContent).toBe('No room');
    await settle(() => button('Show older').click());
    await settle(() => answers[2]({ items: [{ id: 1 }, { id: 0 }] }));
    expect(box.textContent).toBe('');
  });
});
