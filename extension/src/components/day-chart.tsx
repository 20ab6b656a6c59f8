/** The day as a chart: one lane per pipeline, its runs where they fell, the next firing ahead. */
import * as React from 'react';
import type { Run } from '../api/types';
import { duration, elapsed, everyZone } from '../format/time';
import { hours, share, span, type ILane, type IWindow } from '../model/day';
import { runWord } from '../model/words';
import { Link, Name } from './basics';
import { useTrans } from './context';
import { Glyph } from './glyph';

/** Hours this near are hidden by the word “now”, milliseconds. */
const UNDER_NOW = 3_000_000;

export interface IDayChartProps {
  lanes: readonly ILane[];
  window: IWindow;
  now: Date;
}

export function DayChart(props: IDayChartProps): JSX.Element {
  const trans = useTrans();
  const { lanes, window, now } = props;
  const several = new Set(lanes.map(lane => lane.pipeline.tenant)).size > 1;
  return (
    <div className="jp-Galley-day">
      <div className="jp-Galley-dayAxis" aria-hidden="true">
        {hours(window, 3)
          .filter(mark => Math.abs(mark.getTime() - now.getTime()) > UNDER_NOW)
          .map(mark => (
            <span key={mark.getTime()} style={{ left: percent(mark.getTime(), window) }}>
              {clock(mark)}
            </span>
          ))}
      </div>
      <ul aria-label={trans.__('Runs of the day')}>
        {lanes.map(lane => (
          <Lane key={lane.pipeline.id} lane={lane} several={several} {...props} />
        ))}
      </ul>
      <div className="jp-Galley-dayNow" aria-hidden="true">
        <div style={{ left: percent(now.getTime(), window) }}>
          <span>{trans.__('now')}</span>
        </div>
      </div>
    </div>
  );
}

/** `several`: there are lanes of other tenants, whose pipelines may be called the same. */
function Lane(props: IDayChartProps & { lane: ILane; several: boolean }): JSX.Element {
  const trans = useTrans();
  const { lane, window, now } = props;
  const { pipeline } = lane;
  return (
    <li>
      <Link to={{ kind: 'pipeline', tenant: pipeline.tenant, slug: pipeline.slug }}>
        <Name text={pipeline.name} most={28} />
        {props.several && <small className="jp-Galley-muted"> {pipeline.tenant}</small>}
      </Link>
      <div className="jp-Galley-dayTrack">
        {hours(window, 3).map(mark => (
          <i key={mark.getTime()} style={{ left: percent(mark.getTime(), window) }} />
        ))}
        {painted(lane.runs).map(run => (
          <Mark key={run.id} run={run} window={window} now={now} />
        ))}
        {lane.next !== null && (
          <span
            className="jp-Galley-dayNext"
            style={{ left: percent(lane.next, window) }}
            role="img"
            aria-label={trans.__('next run %1', clock(new Date(lane.next)))}
            title={`${trans.__('Next run')}\n${everyZone(new Date(lane.next), pipeline.schedule?.timezone)}`}
          />
        )}
      </div>
    </li>
  );
}

/** Oldest first, so that newer ones lie above older ones; what failed is hidden by nothing. */
function painted(runs: readonly Run[]): Run[] {
  const bad = (run: Run): boolean => run.state === 'failed' || run.state === 'timed_out';
  const oldestFirst = [...runs].reverse();
  return [...oldestFirst.filter(run => !bad(run)), ...oldestFirst.filter(bad)];
}

function Mark(props: { run: Run; window: IWindow; now: Date }): JSX.Element {
  const trans = useTrans();
  const { run, window, now } = props;
  const { start, end } = span(run, now);
  const left = share(start, window);
  const word = runWord(trans, run);
  const took = elapsed(run.started_at, run.ended_at, now);
  const title = [
    took === null ? word.text : `${word.text} · ${duration(trans, took)}`,
    everyZone(new Date(start))
  ].join('\n');
  return (
    <span
      className="jp-Galley-dayMark"
      style={{
        // Its right edge is its end, however short it was: what has ended is never right of now.
        right: `min(100% - 20px, ${(1 - share(end, window)) * 100}%)`,
        width: `${(share(end, window) - left) * 100}%`
      }}
    >
      <Link to={{ kind: 'run', id: run.id }} className={`jp-mod-${word.tone}`} title={title}>
        <Glyph name={word.glyph} spin={word.tone === 'busy'} />
        <span className="jp-Galley-hidden">
          {word.text}, {clock(new Date(start))}
        </span>
      </Link>
    </span>
  );
}

function percent(time: number, window: IWindow): string {
  return `${share(time, window) * 100}%`;
}

function clock(date: Date): string {
  return date.toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23'
  });
}
