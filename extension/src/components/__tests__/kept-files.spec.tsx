import * as React from 'react';
import { clear, draw, settle, stage } from '../../__tests__/galley';
import { run } from '../../__tests__/samples';
import type { Attempt } from '../../api/types';
import { KeptFiles } from '../kept-files';

afterEach(clear);

const attempt = (number: number): Attempt => ({ number, ended_at: null }) as unknown as Attempt;

describe('KeptFiles', () => {
  it('are those of the attempt that is looked at', async () => {
    const shown = run({ id: 'r-1' });
    const path = (number: number) => `runs/r-1/files?attempt=${number}`;
    const { galley, transport } = stage({
      [`GET ${path(1)}`]: [{ name: 'first.html', size: 10 }],
      [`GET ${path(2)}`]: [{ name: 'second.html', size: 10 }]
    });
    const box = await draw(galley, <KeptFiles run={shown} attempt={attempt(1)} />);
    expect(box.textContent).toContain('first.html');
    let answer: () => void = () => undefined;
    const fetch = transport.fetch.bind(transport);
    transport.fetch = async (asked, init) => {
      await new Promise<void>(resolve => (answer = resolve));
      return fetch(asked, init);
    };
    await draw(galley, <KeptFiles run={shown} attempt={attempt(2)} />);
    expect(box.textContent).not.toContain('first.html');
    await settle(() => answer());
    expect(box.textContent).toContain('second.html');
  });
});
