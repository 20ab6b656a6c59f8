/** Names: cut in the middle where they are long, and the slug nearest to one. */

/** `text` with its middle replaced by "…" where it is longer than `most` characters. */
export function middle(text: string, most: number): string {
  const letters = Array.from(text);
  if (letters.length <= most) {
    return text;
  }
  const head = Math.ceil((most - 1) / 2);
  const tail = Math.floor((most - 1) / 2);
  return `${letters.slice(0, head).join('')}…${letters.slice(letters.length - tail).join('')}`;
}

/** `text` as the beginning of a sentence. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const MAX_SLUG = 48;

/** The slug nearest to `text`, as the service's own function makes it. */
export function slugify(text: string): string {
  const slug = text
    .normalize('NFKD')
    .replace(/[^\0-\x7f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .replace(/^[^a-z]+/, '')
    .slice(0, MAX_SLUG)
    .replace(/^-+|-+$/g, '');
  return slug || 'notebook';
}
