/** A modal window: the browser's own dialog element keeps the focus inside and closes on Escape. */
import * as React from 'react';
import { createPortal } from 'react-dom';
import { closeIcon } from '@jupyterlab/ui-components';
import { useTrans } from './context';

export function Modal(props: {
  title: string;
  onClose: () => void;
  children: React.ReactNode;
  footer?: React.ReactNode;
  wide?: boolean;
}): JSX.Element {
  const trans = useTrans();
  const dialog = React.useRef<HTMLDialogElement>(null);
  const title = React.useId();
  // Before React takes the dialog off the page: only then it gives the focus back to its opener.
  React.useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    shown?.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => shown?.close();
  }, []);
  return createPortal(
    <dialog
      ref={dialog}
      className={`jp-Galley jp-Galley-modal${props.wide ? ' jp-mod-wide' : ''}`}
      aria-labelledby={title}
      onCancel={event => {
        event.preventDefault();
        props.onClose();
      }}
    >
      <header>
        <h2 id={title}>{props.title}</h2>
        <button
          type="button"
          className="jp-Galley-iconButton"
          aria-label={trans.__('Close')}
          title={trans.__('Close')}
          onClick={props.onClose}
        >
          <closeIcon.react tag="span" elementSize="normal" />
        </button>
      </header>
      <div className="jp-Galley-modalBody">{props.children}</div>
      {props.footer && <footer>{props.footer}</footer>}
    </dialog>,
    document.body
  );
}
