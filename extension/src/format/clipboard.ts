/** Copying: by the browser's clipboard, or by a selection, as over plain http there is none. */

/**
 * Copy `text`; false: the browser refuses.
 *
 * `near` is what was clicked: while a dialog is open, nothing outside it can be selected.
 */
export async function copy(text: string, near: HTMLElement = document.body): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text, near);
  }
}

function copySelected(text: string, near: HTMLElement): boolean {
  const field = document.createElement('textarea');
  field.value = text;
  field.readOnly = true;
  field.style.cssText = 'position: fixed; opacity: 0';
  near.append(field);
  const before = document.activeElement as HTMLElement | null;
  field.focus({ preventScroll: true });
  field.select();
  try {
    return document.execCommand('copy');
  } catch {
    return false;
  } finally {
    field.remove();
    before?.focus();
  }
}
