/** A row of tabs, moved through with the arrow keys. */
import * as React from 'react';

export interface ITab<K extends string> {
  key: K;
  label: string;
  count?: number;
}

export function Tabs<K extends string>(props: {
  tabs: ITab<K>[];
  current: K;
  onSelect: (key: K) => void;
  label: string;
  children: React.ReactNode;
}): JSX.Element {
  const base = React.useId();
  const list = React.useRef<HTMLDivElement>(null);
  const move = (event: React.KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) {
      return;
    }
    const index = props.tabs.findIndex(tab => tab.key === props.current);
    const next = (index + step + props.tabs.length) % props.tabs.length;
    props.onSelect(props.tabs[next].key);
    list.current?.querySelectorAll<HTMLElement>('[role=tab]')[next]?.focus();
    event.preventDefault();
  };
  return (
    <div className="jp-Galley-tabs">
      <div role="tablist" aria-label={props.label} ref={list} onKeyDown={move}>
        {props.tabs.map(tab => (
          <button
            key={tab.key}
            type="button"
            role="tab"
            id={`${base}-${tab.key}`}
            aria-selected={tab.key === props.current}
            aria-controls={`${base}-panel`}
            tabIndex={tab.key === props.current ? 0 : -1}
            onClick={() => props.onSelect(tab.key)}
          >
            {tab.label}
            {tab.count ? <span className="jp-Galley-count">{tab.count}</span> : null}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${base}-panel`} aria-labelledby={`${base}-${props.current}`}>
        {props.children}
      </div>
    </div>
  );
}
