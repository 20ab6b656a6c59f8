/** Strings as they are written, with their arguments put in. */
import type { TranslationBundle } from '@jupyterlab/translation';

function fill(text: string, values: unknown[]): string {
  return text.replace(/%(\d+)/g, (_, index: string) => String(values[Number(index) - 1]));
}

export const trans = {
  __: (text: string, ...values: unknown[]) => fill(text, values),
  _n: (one: string, many: string, count: number, ...values: unknown[]) =>
    fill(count === 1 ? one : many, [count, ...values])
} as unknown as TranslationBundle;
