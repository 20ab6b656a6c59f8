import { FakeEvents } from '../../__tests__/galley';
import type { EventStream } from '../../api/events';
import { LogModel } from '../log';

/** A log of numbered lines, read by bytes as the service reads it. */
function long(lines: number) {
  const text = Array.from({ length: lines }, (_, i) => `line ${String(i).padStart(7, '0')}\n`).join(
    ''
  );
  const asked: [number, number | undefined][] = [];
  const read = (offset: number, limit = 262144) => {
    asked.push([offset, limit]);
    const piece = text.slice(offset, offset + limit);
    return Promise.resolve({
      text: piece,
      offset,
      next_offset: offset + piece.length,
      size: text.length,
      ended: true
    });
  };
  return { text, asked, read };
}

describe('a long log', () => {
  it('is shown from near its end; what is before comes when asked for', async () => {
    const { text, asked, read } = long(400_000);
    const log = new LogModel(read, 'r-1', new FakeEvents() as unknown as EventStream);
    await log.pull();
    expect(log.lines[log.lines.length - 2]).toBe('line 0399999');
    expect(asked.length).toBeLessThan(8);
    const before = log.skipped;
    expect(text.length - before).toBeLessThan(1_000_001);
    await log.earlier();
    expect(log.skipped).toBe(before - 1_000_000);
    expect(text.slice(log.skipped)).toBe(log.lines.join('\n'));
    while (log.skipped > 0) {
      await log.earlier();
    }
    expect(log.lines.join('\n')).toBe(text);
  });
});
