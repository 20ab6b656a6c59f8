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
  const source = props.anchor ? `${props.url}#${encodeURIComponent(props.anchor)}` : props.url;
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
        title={props.title}
        sandbox=""
        referrerPolicy="no-referrer"
      />
    </div>
  );
}
