/** Small parts that every page is made of. */
import * as React from 'react';
import { Problem } from '../api/problem';
import { copy } from '../format/clipboard';
import { capitalised, middle, straight } from '../format/names';
import { dayAndClock, distance, duration, elapsed, everyZone, relative } from '../format/time';
import type { Place } from '../model/place';
import { useGalley, useNow, useTrans } from './context';
import { Glyph } from './glyph';

export interface IButtonProps {
  label: string;
  onClick: () => void;
  kind?: 'accept' | 'warn' | 'plain' | 'quiet';
  /** Why it cannot be pressed; shown on hover and to screen readers. */
  reason?: string | null;
  busy?: boolean;
  title?: string;
  icon?: React.ReactNode;
  submit?: boolean;
  /** Whether a dialog begins at it: the choice that does no harm. */
  first?: boolean;
}

export function Button(props: IButtonProps): JSX.Element {
  const disabled = Boolean(props.reason) || props.busy;
  const hint = useHint(props.reason);
  return (
    <span className="jp-Galley-buttonBox" title={props.reason ?? props.title}>
      <button
        type={props.submit ? 'submit' : 'button'}
        className={`jp-Galley-button jp-mod-${props.kind ?? 'plain'}`}
        aria-disabled={disabled}
        aria-describedby={hint.id}
        aria-busy={props.busy}
        data-first={props.first || undefined}
        onClick={event => {
          if (disabled) {
            event.preventDefault();
          } else {
            props.onClick();
          }
        }}
      >
        {props.busy ? <Glyph name="play" spin /> : props.icon}
        <span>{props.label}</span>
      </button>
      {hint.element}
    </span>
  );
}

function useHint(text: string | null | undefined): { id?: string; element: React.ReactNode } {
  const id = React.useId();
  if (!text) {
    return { element: null };
  }
  return {
    id,
    element: (
      <span id={id} className="jp-Galley-hidden">
        {text}
      </span>
    )
  };
}

/** A link to a place: opens in the lab or on the page, with an address that can be copied. */
export function Link(props: {
  to: Place;
  children: React.ReactNode;
  className?: string;
  title?: string;
  /** Whether it leads to where one is. */
  current?: boolean;
}): JSX.Element {
  const galley = useGalley();
  return (
    <a
      aria-current={props.current ? 'page' : undefined}
      className={`jp-Galley-link ${props.className ?? ''}`}
      href={galley.href(props.to)}
      title={props.title}
      onClick={event => {
        if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
          event.preventDefault();
          galley.go(props.to);
        }
      }}
    >
      {props.children}
    </a>
  );
}

/** A name, cut in the middle where it is long, with the whole on hover. */
export function Name({ text, most = 40 }: { text: string; most?: number }): JSX.Element {
  const cut = middle(straight(text), most);
  return (
    <span className="jp-Galley-name" title={cut === text ? undefined : text}>
      {cut}
    </span>
  );
}

interface IInstantProps {
  at: string;
  zone?: string | null;
}

function Instant(
  props: IInstantProps & {
    /** How often the words are looked at anew, seconds. */
    every: number;
    words: typeof relative;
  }
): JSX.Element {
  const date = new Date(props.at);
  return (
    <time className="jp-Galley-time" dateTime={props.at} title={everyZone(date, props.zone)}>
      {props.words(useTrans(), date, useNow(props.every))}
    </time>
  );
}

/** How long ago or ahead an instant is; by day and clock where that is far. */
export function Time(props: IInstantProps): JSX.Element {
  return <Instant {...props} every={20} words={relative} />;
}

/** How far away an instant is that is shown beside it. */
export function Distance(props: IInstantProps): JSX.Element {
  return <Instant {...props} every={20} words={distance} />;
}

/** An instant by day and clock, such as a logical date: how long ago it was does not matter. */
export function Moment(props: IInstantProps): JSX.Element {
  return <Instant {...props} every={60} words={dayAndClock} />;
}

/** How long something took, or takes so far. */
export function Elapsed(props: { start?: string | null; end?: string | null }): JSX.Element | null {
  const trans = useTrans();
  const now = useNow(props.start && !props.end ? 1 : 3600);
  const seconds = elapsed(props.start, props.end, now);
  return seconds === null ? null : (
    <span className="jp-Galley-time">
      {duration(trans, props.end ? seconds : Math.floor(seconds) + 0.001)}
    </span>
  );
}

/** A message of the platform's: what it has between backticks is code. */
export function Message({ text }: { text: string }): JSX.Element {
  const parts = straight(text).split('`');
  if (parts.length % 2 === 0) {
    return <>{parts.join('`')}</>; // one of them has no other
  }
  return <>{parts.map((part, at) => (at % 2 ? <code key={at}>{part}</code> : part))}</>;
}

/** What to do next where a list is empty. */
export function Empty(props: { title: string; children?: React.ReactNode }): JSX.Element {
  return (
    <div className="jp-Galley-empty">
      <div className="jp-Galley-emptyTitle">{props.title}</div>
      {props.children && <div>{props.children}</div>}
    </div>
  );
}

/** Room for what is on its way, so that the page does not jump. */
export function Loading({ lines = 3 }: { lines?: number }): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-Galley-loading" role="status" aria-label={trans.__('Loading')}>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} className="jp-Galley-skeleton" style={{ width: `${92 - line * 17}%` }} />
      ))}
    </div>
  );
}

/** What went wrong, in the service's own words. */
export function ProblemBox(props: { problem: unknown; retry?: () => void }): JSX.Element | null {
  const trans = useTrans();
  if (!props.problem) {
    return null;
  }
  const problem = Problem.from(props.problem);
  const text =
    problem.status === 0
      ? trans.__('Galley does not answer (%1).', problem.message)
      : problem.status === 401
        ? trans.__('You are not signed in any more.')
        : capitalised(problem.message);
  return (
    <div className="jp-Galley-problem" role="alert">
      <Glyph name="warning" />
      <span>{text}</span>
      {props.retry && !problem.absent && (
        <Button label={trans.__('Retry')} kind="quiet" onClick={props.retry} />
      )}
    </div>
  );
}

/** Why a page has nothing to show: where there is no such thing, with a way on. */
export function Nothing(props: {
  problem: Problem;
  /** What is said where there is no such thing. */
  absent: string;
  /** Where others like it are. */
  children: React.ReactNode;
  retry: () => void;
}): JSX.Element {
  return props.problem.absent ? (
    <Empty title={props.absent}>{props.children}</Empty>
  ) : (
    <ProblemBox problem={props.problem} retry={props.retry} />
  );
}

/** Progress by cells; without a total it only moves. */
export function Meter(props: {
  done?: number | null;
  total?: number | null;
  label: string;
  tone?: string;
}): JSX.Element {
  const share = props.total ? Math.min(1, (props.done ?? 0) / props.total) : null;
  return (
    <div
      className={`jp-Galley-meter jp-mod-${props.tone ?? 'busy'}${share === null ? ' jp-mod-endless' : ''}`}
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={props.total ?? undefined}
      aria-valuenow={share === null ? undefined : (props.done ?? 0)}
      title={props.label}
    >
      <div style={share === null ? undefined : { width: `${share * 100}%` }} />
    </div>
  );
}

/** A list of facts: term and value. Empty values are left out. */
export function Facts({ facts }: { facts: [string, React.ReactNode][] }): JSX.Element {
  return (
    <dl className="jp-Galley-facts">
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([term, value]) => (
          <React.Fragment key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </React.Fragment>
        ))}
    </dl>
  );
}

export function Section(props: {
  title: string;
  aside?: React.ReactNode;
  children: React.ReactNode;
  className?: string;
}): JSX.Element {
  return (
    <section className={`jp-Galley-section ${props.className ?? ''}`}>
      <header>
        <h3>{props.title}</h3>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

/** Text that is copied by a click. */
export function Copyable(props: {
  text: string;
  shown?: string;
  /** What it is, told in place of the text: a secret stays in no list of notices. */
  name?: string;
}): JSX.Element {
  const trans = useTrans();
  const galley = useGalley();
  const { text, shown, name } = props;
  return (
    <button
      type="button"
      className="jp-Galley-copy"
      title={`${text}\n${trans.__('Click to copy')}`}
      onClick={event =>
        void copy(text, event.currentTarget.parentElement ?? undefined).then(done =>
          done
            ? galley.notify(trans.__('Copied %1', name ?? text), 'info')
            : galley.notify(
                trans.__('The browser does not let this page copy: mark the text and copy it.'),
                'error'
              )
        )
      }
    >
      <code>{shown ?? text}</code>
    </button>
  );
}
