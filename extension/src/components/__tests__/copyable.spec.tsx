import * as React from 'react';
import { button, clear, draw, settle, stage } from '../../__tests__/galley';
import { Copyable } from '../basics';

afterEach(clear);

/** What is told after a click, in a browser without a clipboard that answers so to a command. */
async function told(command: () => boolean): Promise<string[]> {
  Object.assign(navigator, { clipboard: undefined });
  Object.assign(document, { execCommand: command });
  const scene = stage();
  await draw(scene.galley, <Copyable text="very-secret" name="the secret" />);
  await settle(() => button('very-secret').click());
  return scene.told;
}

describe('Copyable', () => {
  it('copies where there is no clipboard, as over plain http', async () => {
    const copied: string[] = [];
    const copy = (): boolean => {
      const field = document.activeElement as HTMLTextAreaElement;
      copied.push(field.value.slice(field.selectionStart, field.selectionEnd));
      return true;
    };
    expect([await told(copy), copied]).toEqual([['Copied the secret'], ['very-secret']]);
    expect(document.querySelector('textarea')).toBeNull();
  });

  it('says that it could not copy', async () => {
    expect((await told(() => false))[0]).toContain('mark the text and copy it');
  });
});
