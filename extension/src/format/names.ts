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

/** `names` cut to `most` characters so that what tells similar ones from each other stays. */
export function apart(names: readonly string[], most: number): Map<string, string> {
  const alike = new Map<string, string[]>();
  for (const name of new Set(names)) {
    const cut = middle(name, most);
    alike.set(cut, [...(alike.get(cut) ?? []), name]);
  }
  return new Map(
    [...alike].flatMap(([cut, group]) =>
      group.length === 1 ? [[group[0], cut]] : around(group, most)
    )
  );
}

/** Each name from where the names begin to differ, or from its beginning where that fits, too. */
function around(names: readonly string[], most: number): [string, string][] {
  const letters = names.map(name => Array.from(name));
  const [head, tail] = [shared(letters), shared(letters.map(name => name.slice().reverse()))];
  const fits = letters.every(name => name.length - tail < most);
  return letters.map((name, index) => {
    const rest = fits ? name : ['…', ...name.slice(head)];
    const cut = rest.length <= most ? rest : [...rest.slice(0, most - 1), '…'];
    return [names[index], cut.join('')];
  });
}

/** How many letters all names begin with alike. */
function shared(names: readonly string[][]): number {
  const differs = names[0].findIndex((letter, at) => names.some(name => name[at] !== letter));
  return differs < 0 ? names[0].length : differs;
}

/** Characters that turn the order of the letters after them, whatever these are. */
const TURNS = /[\u202a-\u202e]/g;

/** `text` in the order in which it is stored: what would turn it is shown by its code. */
export function straight(text: string): string {
  return text.replace(TURNS, turn => `\\u${turn.charCodeAt(0).toString(16)}`);
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
