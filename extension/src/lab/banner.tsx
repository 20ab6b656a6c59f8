/** A quiet line while the live connection is lost; it goes away by itself. */
import * as React from 'react';
import { useGalley } from '../components/context';
import { Glyph } from '../components/glyph';

/** A connection that comes back at once is not worth a word, milliseconds. */
const PATIENCE = 4000;

export function ConnectionBanner(): JSX.Element | null {
  const { events, trans } = useGalley();
  const [lost, setLost] = React.useState(false);
  React.useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const follow = (): void => {
      clearTimeout(timer);
      if (events.connected) {
        setLost(false);
      } else {
        timer = setTimeout(() => setLost(true), PATIENCE);
      }
    };
    follow();
    events.connectedChanged.connect(follow);
    return () => {
      clearTimeout(timer);
      events.connectedChanged.disconnect(follow);
    };
  }, [events]);
  return lost ? (
    <div className="jp-Galley-banner" role="status">
      <Glyph name="warning" />
      <span>{trans.__('The connection to Galley is lost. What you see may be old.')}</span>
      <span className="jp-Galley-muted">{trans.__('Connecting again…')}</span>
    </div>
  ) : null;
}
