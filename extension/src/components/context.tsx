/** What all components share, and hooks that tie models to components. */
import * as React from 'react';
import type { IDisposable } from '@lumino/disposable';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IGalley } from '../model/galley';
import type { IChanging } from '../model/resource';

const GalleyContext = React.createContext<IGalley | null>(null);

export const GalleyProvider = GalleyContext.Provider;

export function useGalley(): IGalley {
  const galley = React.useContext(GalleyContext);
  if (!galley) {
    throw new Error('a Galley component needs a GalleyProvider above it');
  }
  return galley;
}

export function useTrans(): TranslationBundle {
  return useGalley().trans;
}

/** Draw again whenever one of the models changes. */
export function useChanges(...models: (IChanging | null)[]): void {
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    models.forEach(model => model?.changed.connect(draw));
    // An answer may have come after the drawing and before this.
    draw();
    return () => models.forEach(model => model?.changed.disconnect(draw));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the models are the dependencies
  }, models);
}

/** A model that lives as long as the component and is made anew when `key` changes. */
export function useModel<T extends IDisposable & IChanging>(make: () => T, key: string): T {
  const [held, hold] = React.useState<{ key: string; model: T }>(() => ({ key, model: make() }));
  const current = held.key === key && !held.model.isDisposed ? held.model : null;
  const made = React.useRef(make);
  made.current = make;
  React.useEffect(() => {
    if (current) {
      return () => current.dispose();
    }
    hold({ key, model: made.current() });
    return undefined;
  }, [current, key]);
  useChanges(held.model);
  return held.model;
}

/** The present, renewed every `seconds`: relative times and running durations move with it. */
export function useNow(seconds: number): Date {
  const [now, setNow] = React.useState(() => new Date());
  React.useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return now;
}

/** Run an action of a button: busy while it lasts, its problem kept for showing. */
export function useAction(): {
  busy: boolean;
  problem: unknown;
  start: (work: () => Promise<unknown>) => void;
  clear: () => void;
} {
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<unknown>(null);
  const alive = React.useRef(true);
  React.useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
    };
  }, []);
  const start = React.useCallback((work: () => Promise<unknown>) => {
    setBusy(true);
    setProblem(null);
    work()
      .catch((error: unknown) => alive.current && setProblem(error))
      .finally(() => alive.current && setBusy(false));
  }, []);
  const clear = React.useCallback(() => setProblem(null), []);
  return { busy, problem, start, clear };
}

/** The value once it has stayed the same for a while, milliseconds: typing asks for little. */
export function useSettled<T>(value: T, quiet: number): T {
  const [settled, settle] = React.useState(value);
  React.useEffect(() => {
    const timer = setTimeout(() => settle(value), quiet);
    return () => clearTimeout(timer);
  }, [value, quiet]);
  return settled;
}
