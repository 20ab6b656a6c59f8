/** Values of two runs in a table: those that differ are marked, equal ones can be left out. */
import * as React from 'react';
import { Empty, Name } from './basics';
import { useTrans } from './context';

export interface IComparedRow {
  key: string;
  left: string | null;
  right: string | null;
  /** How much the right one differs; undefined: values have no distance. */
  change?: string;
  numeric?: boolean;
}

const FEW = 8;

export function CompareTable(props: {
  what: string;
  rows: readonly IComparedRow[];
  empty: string;
}): JSX.Element {
  const trans = useTrans();
  const [all, setAll] = React.useState(props.rows.length <= FEW);
  if (props.rows.length === 0) {
    return <Empty title={props.empty} />;
  }
  const shown = props.rows.filter(row => all || row.left !== row.right);
  const equal = props.rows.length - props.rows.filter(row => row.left !== row.right).length;
  const numeric = props.rows.some(row => row.numeric);
  const align = numeric ? 'jp-mod-number' : undefined;
  return (
    <>
      {shown.length > 0 && (
        <table className="jp-Galley-table jp-Galley-compared">
          <thead>
            <tr>
              <th>{props.what}</th>
              <th className={align}>{trans.__('Left')}</th>
              <th className={align}>{trans.__('Right')}</th>
              {numeric && <th className="jp-mod-number">{trans.__('Change')}</th>}
            </tr>
          </thead>
          <tbody>
            {shown.map(row => (
              <tr
                key={row.key}
                className={row.left === row.right ? 'jp-mod-equal' : 'jp-mod-differs'}
              >
                <td>
                  <Name text={row.key} most={56} />
                </td>
                <Value text={row.left} className={align} />
                <Value text={row.right} className={align} />
                {numeric && <td className="jp-mod-number">{row.change}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {equal > 0 && props.rows.length > FEW && (
        <button type="button" className="jp-Galley-textButton" onClick={() => setAll(!all)}>
          {all
            ? trans.__('Show only what differs')
            : trans._n('Show %1 equal one', 'Show %1 equal ones', equal)}
        </button>
      )}
    </>
  );
}

function Value(props: { text: string | null; className?: string }): JSX.Element {
  const trans = useTrans();
  return (
    <td className={props.className}>
      {props.text === null ? (
        <span className="jp-Galley-muted" aria-label={trans.__('none')}>
          –
        </span>
      ) : (
        <Name text={props.text} most={60} />
      )}
    </td>
  );
}
