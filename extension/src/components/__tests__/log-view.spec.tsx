import * as React from 'react';
import { button, clear, draw, settle, stage, type, until } from '../../__tests__/galley';
import { LogModel } from '../../model/log';
import { LogView } from '../log-view';

afterEach(clear);

/** A log of 3.6 MB of which the last 50,000 lines are shown; `size` says that there is more before it. */
async function show(size?: number) {
  const text = Array.from({ length: 300_000 }, (_, at) => `line ${String(at).padStart(6, '0')}\n`);
  const all = text.join('');
  const before = (size ?? all.length) - all.length;
  const { galley, events } = stage();
  const asked: number[] = [];
  let held: Promise<void> = Promise.resolve();
  const log = new LogModel(
    async (offset, limit = 262_144) => {
      asked.push(offset);
      await held;
      const end = Math.min(before + all.length, offset + limit);
      const piece = all.slice(Math.max(0, offset - before), Math.max(0, end - before));
      return { text: piece, offset, next_offset: end, size: before + all.length, ended: true };
    },
    'r-1',
    events as never
  );
  await log.pull();
  const box = await draw(galley, <LogView log={log} downloadUrl="/log" fileName="r.log" />);
  const search = box.querySelector<HTMLInputElement>('input[type=search]')!;
  const hold = (): (() => void) => {
    let release = (): void => undefined;
    held = new Promise(resolve => {
      release = resolve;
    });
    return release;
  };
  return { box, log, asked, search, hold };
}

describe('LogView', () => {
  it('searches what is not there yet, and says that while it does', async () => {
    const { box, search, hold } = await show();
    expect(box.textContent).not.toMatch(/\d+ lines/);
    expect(box.querySelector('.jp-Galley-logLine span')!.textContent).toBe('');
    const release = hold();
    await type(search, 'line 000005');
    expect(box.textContent).toContain('No line of the last 586 KiB contains “line 000005”.');
    expect(box.textContent).toContain('2.86 MiB are still to be searched');
    release();
    await until(() => box.textContent.includes('1 line matches'));
    expect(box.textContent).not.toContain('still to be searched');
    expect(box.querySelector('.jp-Galley-logLine')!.textContent).toBe('6line 000005');
    await type(search, 'line 9');
    await until(() => box.textContent.includes('No line contains “line 9”.'));
  });

  it('says what it did not search of a log that is too long', async () => {
    const { box, search, log } = await show(100 * 2 ** 20);
    await type(search, 'line 9');
    await until(() => log.held === 64 * 2 ** 20 && !log.loadingEarlier);
    expect(box.textContent).toContain('No line of the last 64 MiB contains “line 9”.');
    expect(box.textContent).toContain('36 MiB before them are not searched');
  });

  it('shows a log from its beginning', async () => {
    const { box, asked } = await show();
    await settle(() => button('Show all').click());
    await until(() => box.textContent.includes('300000 lines'));
    expect(asked).toContain(0);
  });
});
