/** A Lumino menu made of entries that live as long as it is open. */
import { MenuSvg } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import type { IEntry } from './menu';

export function showMenu(entries: IEntry[], at: { x: number; y: number }): void {
  const commands = new CommandRegistry();
  const menu = new MenuSvg({ commands });
  entries.forEach((entry, index) => {
    const command = `entry-${index}`;
    commands.addCommand(command, {
      label: entry.reason ? `${entry.label} (${entry.reason})` : entry.label,
      isEnabled: () => !entry.reason,
      execute: entry.run
    });
    menu.addItem({ command });
  });
  // A chosen command still runs after its menu was closed.
  menu.aboutToClose.connect(() => setTimeout(() => menu.dispose(), 0));
  menu.open(at.x, at.y);
}
