import { trans } from '../../__tests__/trans';
import type { GalleyEvent } from '../../api/types';
import { runNotice, versionNotice } from '../notice-texts';

function event(data: Record<string, unknown>): GalleyEvent {
  return {
    id: 1,
    tenant: 'oncology',
    kind: 'version.changed',
    subject: 'x',
    pipeline: 'report',
    data,
    at: '2026-11-21T03:00:00Z'
  };
}

describe('notices', () => {
  it('tell how a rehearsal ended, with its reason', () => {
    expect(versionNotice(trans, event({ state: 'in_review', number: 4 }))).toEqual({
      kind: 'success',
      text: 'report v4 ran clean and waits for review.',
      place: { kind: 'review', id: 'x' }
    });
    const failed = versionNotice(trans, event({ state: 'failed', number: 4, reason: 'cell 7 …' }));
    expect(failed).toMatchObject({ kind: 'error', text: 'report v4: cell 7 …' });
    expect(versionNotice(trans, event({ state: 'rehearsing', number: 4 }))).toBeNull();
  });

  it('tell how a run ended, and nothing while it runs', () => {
    expect(runNotice(trans, event({ state: 'failed', reason: null }))).toEqual({
      kind: 'error',
      text: 'The run of report failed: see its page',
      place: { kind: 'run', id: 'x' }
    });
    expect(runNotice(trans, event({ state: 'succeeded' }))?.kind).toBe('success');
    for (const state of ['queued', 'launching', 'running']) {
      expect(runNotice(trans, event({ state }))).toBeNull();
    }
  });
});
