/** One value over time against its limit, drawn by hand; a table says the same. */
import * as React from 'react';
import { duration } from '../format/time';
import { thinned, topOf, type ISample } from '../model/usage';
import { useTrans } from './context';

const [WIDTH, HEIGHT] = [1000, 120];
const ROWS = 40;

export interface IUsageChartProps {
  title: string;
  samples: readonly ISample[];
  limit: number;
  /** A value as text: "412 MiB", "1.5 CPU". */
  text: (value: number) => string;
  /** What the limit is called. */
  limitName: string;
  tone: 'memory' | 'cpu';
}

export function UsageChart(props: IUsageChartProps): JSX.Element {
  const trans = useTrans();
  const { samples, limit, text } = props;
  const [at, setAt] = React.useState<number | null>(null);
  const { top, limited } = topOf(samples, limit);
  const span = Math.max(samples.at(-1)?.seconds ?? 0, 1);
  const x = (sample: ISample): number => (sample.seconds / span) * WIDTH;
  const y = (value: number): number => HEIGHT - (value / top) * HEIGHT;
  const line = samples.map(sample => `${x(sample)},${y(sample.value)}`).join(' ');
  const peak = samples.reduce((a, b) => (b.value > a.value ? b : a));
  const last = samples[samples.length - 1];
  const shown = at === null ? null : samples[Math.min(at, samples.length - 1)];
  const summary = trans.__(
    '%1: at most %2, after %3; %4 is %5',
    props.title,
    text(peak.value),
    duration(trans, peak.seconds),
    props.limitName,
    text(limit)
  );
  return (
    <figure className={`jp-Galley-usage jp-mod-${props.tone}`}>
      <figcaption>
        <strong>{props.title}</strong>
        <span className="jp-Galley-muted">
          {shown
            ? trans.__('%1 after %2', text(shown.value), duration(trans, shown.seconds))
            : trans.__(
                '%1 last · %2 at most · %3 %4',
                text(last.value),
                text(peak.value),
                props.limitName,
                text(limit)
              )}
        </span>
      </figcaption>
      <div className="jp-Galley-usagePlot">
        <div className="jp-Galley-usageAxis" aria-hidden="true">
          <span>{text(top)}</span>
          <span>{text(top / 2)}</span>
          <span>0</span>
        </div>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={summary}
          onPointerMove={event => {
            const box = event.currentTarget.getBoundingClientRect();
            setAt(nearest(samples, ((event.clientX - box.left) / box.width) * span));
          }}
          onPointerLeave={() => setAt(null)}
        >
          <line className="jp-mod-grid" x1="0" x2={WIDTH} y1={HEIGHT / 2} y2={HEIGHT / 2} />
          <polygon
            points={`${x(samples[0])},${HEIGHT} ${line} ${x(last)},${HEIGHT}`}
            aria-hidden="true"
          />
          <polyline points={line} />
          {samples.length === 1 && (
            <line
              className="jp-mod-point"
              x1={x(last)}
              x2={x(last)}
              y1={y(last.value)}
              y2={y(last.value)}
            />
          )}
          {limited && (
            <line className="jp-Galley-threshold" x1="0" x2={WIDTH} y1={y(limit)} y2={y(limit)} />
          )}
          {shown && <line className="jp-mod-here" x1={x(shown)} x2={x(shown)} y1="0" y2={HEIGHT} />}
        </svg>
      </div>
      <div className="jp-Galley-usageTimes" aria-hidden="true">
        <span>0 s</span>
        <span>{duration(trans, span / 2)}</span>
        <span>{duration(trans, span)}</span>
      </div>
      <div className="jp-Galley-usageNote">
        <span>
          {limited
            ? trans.__('dashed: %1, %2', props.limitName, text(limit))
            : trans.__('its %1, %2, is far above what is drawn', props.limitName, text(limit))}
        </span>
        <details>
          <summary>{trans.__('As a table')}</summary>
          <table className="jp-Galley-table">
            <thead>
              <tr>
                <th>{trans.__('After')}</th>
                <th className="jp-mod-number">{props.title}</th>
              </tr>
            </thead>
            <tbody>
              {thinned(samples, ROWS).map(sample => (
                <tr key={sample.seconds}>
                  <td>{duration(trans, sample.seconds)}</td>
                  <td className="jp-mod-number">{text(sample.value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      </div>
    </figure>
  );
}

function nearest(samples: readonly ISample[], seconds: number): number {
  let found = 0;
  samples.forEach((sample, index) => {
    if (Math.abs(sample.seconds - seconds) < Math.abs(samples[found].seconds - seconds)) {
      found = index;
    }
  });
  return found;
}
