/** Sizes and figures as people read them. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** "512 B", "1.5 MiB", "12 GiB". */
export function bytes(size: number): string {
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = unit === 0 || value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  return `${String(Number(text))} ${UNITS[unit]}`;
}

/** A metric with four significant digits; very large and very small ones in powers of ten. */
export function figure(value: number): string {
  if (!Number.isFinite(value) || value === 0) {
    return String(value);
  }
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) {
    return value.toExponential(2);
  }
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
