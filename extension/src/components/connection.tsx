/** A quiet word while live updates do not come. */
import * as React from 'react';
import type { EventStream } from '../api/events';
import { useGalley } from './context';
import { Glyph } from './glyph';

/** A connection that is back within this time was never missed, milliseconds. */
const PATIENCE = 4000;

export function useLostConnection(): boolean {
  const { events } = useGalley();
  const [lost, setLost] = React.useState(false);
  React.useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heed = (_: EventStream, connected: boolean): void => {
      clearTimeout(timer);
      if (connected) {
        setLost(false);
      } else {
        timer = setTimeout(() => setLost(true), PATIENCE);
      }
    };
    heed(events, events.connected);
    events.connectedChanged.connect(heed);
    return () => {
      clearTimeout(timer);
      events.connectedChanged.disconnect(heed);
    };
  }, [events]);
  return lost;
}

export function ConnectionBanner(): JSX.Element | null {
  const { trans } = useGalley();
  return useLostConnection() ? (
    <div className="jp-Galley-banner" role="status">
      <Glyph name="warning" />
      <span>
        {trans.__('The connection is lost: what you see may be old. It comes back by itself.')}
      </span>
    </div>
  ) : null;
}
