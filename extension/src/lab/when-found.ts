/** Do something once Galley is found, which may be later than the lab's start. */
import type { IGalleyLab, LabGalley } from './galley';

export function whenFound(lab: IGalleyLab, then: (galley: LabGalley) => void): void {
  const check = (): void => {
    if (lab.found.value) {
      lab.found.changed.disconnect(check);
      then(lab.found.value);
    }
  };
  lab.found.changed.connect(check);
  check();
}
