import * as React from 'react';
import { button, clear, draw, reasonOf, settle, stage, type } from '../../__tests__/galley';
import { DIGEST, version } from '../../__tests__/samples';
import type { Action, Version } from '../../api/types';
import { DecisionFooter } from '../decision';

const DECIDE = 'POST versions/v-3/decisions';

afterEach(clear);

async function show(
  who: { user: string; actions?: Action[]; decidesHere?: boolean },
  changes: Partial<Version> = {},
  seen: string = DIGEST
) {
  const changed = version({ state: 'approved' });
  const scene = stage({ [DECIDE]: changed }, who);
  const decided: Version[] = [];
  const box = await draw(
    scene.galley,
    <DecisionFooter
      version={version(changes)}
      seen={seen}
      onDecided={one => void decided.push(one)}
    />
  );
  return { ...scene, box, decided };
}

describe('DecisionFooter', () => {
  it('sends the digest that was seen, the gate and the comment', async () => {
    const { transport, box, decided } = await show({ user: 'max', actions: ['approve-mle'] });
    await type(box.querySelector('textarea')!, 'Well done.');
    await settle(() => button('Approve as MLE').click());
    expect(transport.asked).toEqual([
      {
        method: 'POST',
        path: 'versions/v-3/decisions',
        body: { gate: 'mle', verdict: 'approve', digest: DIGEST, comment: 'Well done.' }
      }
    ]);
    expect(decided).toHaveLength(1);
  });

  it('lets each role decide at its own gate only, and says why', async () => {
    await show({ user: 'lea', actions: ['approve-lead'] });
    expect(reasonOf('Approve as lead')).toBeNull();
    expect(reasonOf('Approve as MLE')).toContain('role “mle”');
  });

  it('never lets the author decide, whatever their roles', async () => {
    const { transport, box } = await show({
      user: 'ada',
      actions: ['approve-lead', 'approve-mle']
    });
    for (const name of ['Approve as lead', 'Approve as MLE', 'Reject']) {
      expect(reasonOf(name)).toContain('author');
      await settle(() => button(name).click());
    }
    expect(transport.asked).toEqual([]);
    expect(box.textContent).toContain('The author of a version never decides about it.');
  });

  it('approves nothing when the version is no longer the one that was seen', async () => {
    const { transport } = await show(
      { user: 'max', actions: ['approve-mle'] },
      { digest: 'e'.repeat(64) }
    );
    expect(reasonOf('Approve as MLE')).toContain('changed since you opened it');
    await settle(() => button('Approve as MLE').click());
    expect(transport.asked).toEqual([]);
  });

  it('rejects only with a comment', async () => {
    const { transport, box } = await show({ user: 'max', actions: ['approve-mle'] });
    expect(reasonOf('Reject')).toContain('Say why');
    await type(box.querySelector('textarea')!, 'It leaks the label.');
    await settle(() => button('Reject').click());
    expect(transport.asked[0].body).toMatchObject({ gate: 'mle', verdict: 'reject' });
  });

  it('shows what the service answers when it refuses', async () => {
    const { box, transport } = await show({ user: 'max', actions: ['approve-mle'] });
    delete transport.answers[DECIDE];
    await settle(() => button('Approve as MLE').click());
    expect(box.querySelector('[role=alert]')?.textContent).toContain('No versions/v-3/decisions');
  });

  it('opens the service’s own window where the page may not decide', async () => {
    const { opened } = await show({ user: 'max', actions: [], decidesHere: false });
    await settle(() => button('Decide…').click());
    expect(opened).toEqual([{ kind: 'review', id: 'v-3' }]);
  });

  it('is not there once the version is decided', async () => {
    const { box } = await show({ user: 'max', actions: ['approve-mle'] }, { state: 'rejected' });
    expect(box.textContent).toBe('');
  });
});
