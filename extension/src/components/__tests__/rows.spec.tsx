import * as React from 'react';
import { clear, draw, stage } from '../../__tests__/galley';
import { version } from '../../__tests__/samples';
import { ReviewItem } from '../rows';

afterEach(clear);

describe('ReviewItem', () => {
  it('says of each gate whether it is open, passed or has refused', async () => {
    const refused = version({
      state: 'rejected',
      gates: [
        { gate: 'lead', passed: false },
        { gate: 'mle', passed: false }
      ],
      decisions: [
        {
          id: 'd-1',
          gate: 'lead',
          verdict: 'reject',
          reviewer: 'lea',
          comment: 'no',
          digest: 'd',
          decided_at: '2026-11-20T10:00:00Z'
        }
      ]
    });
    const box = await draw(stage().galley, <ReviewItem version={refused} />);
    expect(box.textContent).toContain('lead rejected');
    expect(box.textContent).not.toContain('lead open');
    expect(box.textContent).toContain('open');
  });
});
