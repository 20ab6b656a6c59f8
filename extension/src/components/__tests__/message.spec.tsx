import * as React from 'react';
import { clear, draw, stage } from '../../__tests__/galley';
import { Message } from '../basics';

afterEach(clear);

async function shown(text: string): Promise<string> {
  const box = await draw(stage({}).galley, <Message text={text} />);
  const html = box.innerHTML;
  await clear();
  return html;
}

describe('Message', () => {
  it('shows as code what is between backticks', async () => {
    expect(await shown('cell 2 uses `df2`, then `x < 1`')).toContain(
      'cell 2 uses <code>df2</code>, then <code>x &lt; 1</code>'
    );
  });

  it('leaves a text alone whose backticks are no pairs', async () => {
    expect(await shown('it said `so')).toContain('it said `so');
    expect(await shown('nothing to see')).toContain('nothing to see');
  });
});
