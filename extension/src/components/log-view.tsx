/** A live log: only the lines in sight are drawn; it follows its end until one scrolls up. */
import * as React from 'react';
import { downloadIcon, searchIcon } from '@jupyterlab/ui-components';
import { straight } from '../format/names';
import { bytes } from '../format/quantity';
import { SEARCHED, type LogModel } from '../model/log';
import { Button, Empty, Loading, ProblemBox } from './basics';
import { useChanges, useSettled, useTrans } from './context';

const LINE = 18;
const AROUND = 30;
/** How long one types on before a search reads what is not there yet, milliseconds. */
const TYPING = 400;

export function LogView(props: {
  log: LogModel;
  downloadUrl: string;
  fileName: string;
}): JSX.Element {
  const trans = useTrans();
  const { log } = props;
  useChanges(log);
  const [needle, setNeedle] = React.useState('');
  const [follow, setFollow] = React.useState(true);
  const lines = React.useMemo(() => {
    const numbered = log.lines.map((text, index) => ({ text, number: index + 1 }));
    const wanted = needle.toLowerCase();
    return wanted
      ? numbered.filter(line => line.text.toLowerCase().includes(wanted))
      : numbered.slice(0, log.lines[log.lines.length - 1] === '' ? -1 : undefined);
  }, [log.lines, needle]);
  const whole = log.skipped === 0;
  const wanted = useSettled(needle, TYPING);
  React.useEffect(() => {
    if (wanted && log.skipped > 0) {
      void log.earlier(SEARCHED - log.held);
    }
  }, [wanted, log, log.skipped]);
  const searching = needle !== '' && !whole && log.held < SEARCHED && !log.problem;
  const part = bytes(log.held);
  const earlier = (most?: number): void => {
    setFollow(false);
    void log.earlier(most);
  };

  return (
    <div className="jp-Galley-log">
      <div className="jp-Galley-logBar">
        <label className="jp-Galley-search">
          <searchIcon.react tag="span" elementSize="normal" />
          <input
            type="search"
            value={needle}
            placeholder={trans.__('Search the log')}
            aria-label={trans.__('Search the log')}
            onChange={event => setNeedle(event.target.value)}
          />
        </label>
        <span className="jp-Galley-muted">
          {needle
            ? whole
              ? trans._n('%1 line matches', '%1 lines match', lines.length)
              : trans._n(
                  '%1 line of the last %2 matches',
                  '%1 lines of the last %2 match',
                  lines.length,
                  part
                )
            : whole
              ? trans._n('%1 line', '%1 lines', lines.length)
              : trans.__('the last %1', part)}
          {!log.ended && log.started && ` · ${trans.__('live')}`}
        </span>
        <span className="jp-Galley-spacer" />
        <label className="jp-Galley-check">
          <input
            type="checkbox"
            checked={follow}
            onChange={event => setFollow(event.target.checked)}
          />
          {trans.__('Follow the end')}
        </label>
        <a className="jp-Galley-link" href={props.downloadUrl} download={props.fileName}>
          <downloadIcon.react tag="span" elementSize="normal" />
          {trans.__('Download')}
        </a>
      </div>
      {!whole && (
        <div className="jp-Galley-logBar">
          <span className="jp-Galley-muted">
            {searching
              ? trans.__('%1 are still to be searched …', bytes(log.toGo || log.skipped))
              : needle
                ? trans.__('%1 before them are not searched: download the log.', bytes(log.skipped))
                : trans.__('%1 more before what is shown.', bytes(log.toGo || log.skipped))}
          </span>
          {!needle && (
            <>
              <Button
                kind="quiet"
                label={trans.__('Show earlier lines')}
                busy={log.loadingEarlier}
                onClick={() => earlier()}
              />
              {log.skipped + log.held <= SEARCHED && (
                <Button
                  kind="quiet"
                  label={trans.__('Show all')}
                  reason={log.loadingEarlier ? trans.__('Earlier lines are being read.') : null}
                  onClick={() => earlier(log.skipped)}
                />
              )}
            </>
          )}
        </div>
      )}
      <ProblemBox problem={log.problem} retry={() => void log.pull()} />
      {!log.started ? (
        <Loading lines={4} />
      ) : lines.length === 0 ? (
        <Empty
          title={
            !needle
              ? trans.__('Nothing logged yet.')
              : whole
                ? trans.__('No line contains “%1”.', needle)
                : trans.__('No line of the last %1 contains “%2”.', part, needle)
          }
        />
      ) : (
        <Lines lines={lines} numbered={whole} follow={follow} onFollow={setFollow} />
      )}
    </div>
  );
}

function Lines(props: {
  lines: { text: string; number: number }[];
  /** Whether their numbers are those of the log: what is before them is there. */
  numbered: boolean;
  follow: boolean;
  onFollow: (follow: boolean) => void;
}): JSX.Element {
  const trans = useTrans();
  const box = React.useRef<HTMLDivElement>(null);
  const [view, setView] = React.useState({ top: 0, height: 600 });
  const { lines, follow, onFollow } = props;
  React.useLayoutEffect(() => {
    if (follow && box.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [lines, follow]);
  const first = Math.max(0, Math.floor(view.top / LINE) - AROUND);
  const last = Math.min(lines.length, Math.ceil((view.top + view.height) / LINE) + AROUND);
  return (
    <div
      ref={box}
      className="jp-Galley-logLines"
      tabIndex={0}
      role="log"
      aria-label={trans.__('Log')}
      onScroll={event => {
        const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
        setView({ top: scrollTop, height: clientHeight });
        const atEnd = scrollTop + clientHeight >= scrollHeight - LINE;
        if (atEnd !== follow && event.isTrusted) {
          onFollow(atEnd);
        }
      }}
    >
      <div style={{ height: lines.length * LINE }}>
        <div style={{ transform: `translateY(${first * LINE}px)` }}>
          {lines.slice(first, last).map(line => (
            <div key={line.number} className={`jp-Galley-logLine ${weight(line.text)}`}>
              <span aria-hidden="true">{props.numbered && line.number}</span>
              {plain(line.text)}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

// eslint-disable-next-line no-control-regex -- terminal colours are control characters
const COLOURS = /\u001b\[[0-9;]*m/g;

function plain(text: string): string {
  return straight(text.replace(COLOURS, ''));
}

function weight(text: string): string {
  if (/\b(ERROR|CRITICAL|Traceback)\b|^\S*Error:/.test(text)) {
    return 'jp-mod-bad';
  }
  return /\bWARN(ING)?\b/.test(text) ? 'jp-mod-warn' : '';
}
