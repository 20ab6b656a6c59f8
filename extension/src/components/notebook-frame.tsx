/** An executed notebook: user content, so in a sandboxed frame without our origin. */
import * as React from 'react';
import { downloadIcon, launchIcon } from '@jupyterlab/ui-components';
import { useTrans } from './context';

export interface IFrameProps {
  url: string;
  title: string;
  /** An anchor of the page to jump to. */
  anchor?: string | null;
  downloadUrl?: string;
  fileName?: string;
}

export function NotebookFrame(props: IFrameProps): JSX.Element {
  const trans = useTrans();
  const dark = useDark();
  const page = dark ? `${props.url}${props.url.includes('?') ? '&' : '?'}theme=dark` : props.url;
  const source = props.anchor ? `${page}#${encodeURIComponent(props.anchor)}` : page;
  return (
    <div className="jp-Galley-frame">
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
      <iframe
        key={source}
        src={source}
        className={dark ? 'jp-mod-dark' : undefined}
        title={props.title}
        sandbox=""
        referrerPolicy="no-referrer"
      />
    </div>
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
