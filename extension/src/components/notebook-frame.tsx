/** An executed notebook: user content, so in a sandboxed frame without our origin. */
import * as React from 'react';
import { downloadIcon, launchIcon } from '@jupyterlab/ui-components';
import { Button } from './basics';
import { useTrans } from './context';

export interface IFrameProps {
  url: string;
  title: string;
  /** An anchor of the page to jump to. */
  anchor?: string | null;
  downloadUrl?: string;
  fileName?: string;
  /** Another value says that the notebook has gone on; none, that it will not. */
  revision?: string;
}

const BEHIND: React.CSSProperties = { position: 'absolute', top: 0, visibility: 'hidden' };
/** Of a pointer in the frame nothing is heard: the first move goes to what is around it. */
const UNTOUCHED: React.CSSProperties = { pointerEvents: 'none' };

/** How often a notebook that goes on is shown anew, milliseconds. */
const EVERY = 8000;

export function NotebookFrame(props: IFrameProps): JSX.Element {
  const trans = useTrans();
  const dark = useDark();
  const [reading, setReading] = React.useState(false);
  const page = dark ? `${props.url}${props.url.includes('?') ? '&' : '?'}theme=dark` : props.url;
  const source = props.anchor ? `${page}#${encodeURIComponent(props.anchor)}` : page;
  return (
    <div
      className="jp-Galley-frame"
      onPointerMove={event => event.target === event.currentTarget && setReading(true)}
    >
      <div className="jp-Galley-frameBar">
        <span className="jp-Galley-muted">{props.title}</span>
        <span className="jp-Galley-spacer" />
        {props.downloadUrl && (
          <a className="jp-Galley-link" href={props.downloadUrl} download={props.fileName ?? true}>
            <downloadIcon.react tag="span" elementSize="normal" />
            {trans.__('Download .ipynb')}
          </a>
        )}
        <a className="jp-Galley-link" href={source} target="_blank" rel="noopener noreferrer">
          <launchIcon.react tag="span" elementSize="normal" />
          {trans.__('Open in a new tab')}
        </a>
      </div>
      <Pages
        key={source}
        source={source}
        revision={props.revision ?? ''}
        reading={reading}
        setReading={setReading}
        dark={dark}
        title={props.title}
      />
    </div>
  );
}

/**
 * The page as it was, until a newer one has loaded behind it. Where somebody reads in the sandboxed
 * frame cannot be known, so whoever has been in it is asked: a new page begins at its top.
 */
function Pages(props: {
  source: string;
  revision: string;
  reading: boolean;
  setReading: (reading: boolean) => void;
  dark: boolean;
  title: string;
}): JSX.Element {
  const trans = useTrans();
  const { revision, title, reading, setReading } = props;
  const [shown, show] = React.useState(revision);
  const [wanted, want] = React.useState(revision);
  const [since, setSince] = React.useState(Date.now);
  const frame = React.useRef<HTMLIFrameElement>(null);
  React.useEffect(() => {
    if (reading || revision === wanted || shown !== wanted) {
      return undefined;
    }
    const timer = setTimeout(
      () => {
        if (document.activeElement === frame.current) {
          setReading(true);
        } else {
          want(revision);
          setSince(Date.now());
        }
      },
      since + EVERY - Date.now()
    );
    return () => clearTimeout(timer);
  }, [reading, setReading, revision, shown, wanted, since]);
  const renew = (): void => {
    setReading(false);
    want(revision);
    setSince(Date.now());
  };
  return (
    <>
      {reading && revision !== wanted && (
        <p className="jp-Galley-notice" role="status">
          <span>{trans.__('The notebook has gone on since.')}</span>
          <Button kind="quiet" label={trans.__('Show it as it is now')} onClick={renew} />
        </p>
      )}
      {[...new Set([shown, wanted])].map(one => (
        <iframe
          key={one}
          ref={one === shown ? frame : undefined}
          src={props.source}
          className={props.dark ? 'jp-mod-dark' : undefined}
          // Laid out while it loads, so that it finds the place to jump to.
          style={one !== shown ? BEHIND : revision && !reading ? UNTOUCHED : undefined}
          aria-hidden={one !== shown}
          title={title}
          sandbox=""
          referrerPolicy="no-referrer"
          onLoad={() => one === wanted && show(one)}
        />
      ))}
    </>
  );
}

/** Whether the page around is dark: JupyterLab says so of its body, our own window of its root. */
function useDark(): boolean {
  const [dark, setDark] = React.useState(isDark);
  React.useEffect(() => {
    const observer = new MutationObserver(() => setDark(isDark()));
    for (const element of [document.body, document.documentElement]) {
      observer.observe(element, { attributes: true, attributeFilter: ['data-jp-theme-light'] });
    }
    return () => observer.disconnect();
  }, []);
  return dark;
}

function isDark(): boolean {
  return [document.body, document.documentElement].some(
    element => element.dataset.jpThemeLight === 'false'
  );
}
