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

  it('loses nothing that comes while what is before is read', async () => {
    const { read } = long(400_000);
    let grown = '';
    const live = async (offset: number, limit?: number) => {
      const chunk = await read(offset, limit);
      const text = offset >= chunk.size ? grown : chunk.text;
      const [next_offset, size] = [offset + text.length, chunk.size + grown.length];
      return { ...chunk, text, next_offset, size };
    };
    const log = new LogModel(live, 'r-1', new FakeEvents() as unknown as EventStream);
    await log.pull();
    const reading = log.earlier(log.skipped);
    grown = 'more\n'.repeat(60_000);
    await log.pull();
    await reading;
    expect(log.lines).toHaveLength(460_001);
  });
});
