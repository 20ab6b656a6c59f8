/** What debugging a run here means: told before anything is written. */
import * as React from 'react';
import type { DebugPlan } from '../api/types';
import { Message, Name } from '../components/basics';
import { useTrans } from '../components/context';
import { Glyph } from '../components/glyph';
import { capitalised } from '../format/names';

const MOST = 12;

export function PlanView({ plan }: { plan: DebugPlan }): JSX.Element {
  const trans = useTrans();
  const more = plan.differences.length - MOST;
  return (
    <div className="jp-Galley-debugPlan">
      {plan.error && (
        <p className="jp-Galley-said">
          <Glyph name="cross" />
          <span>{capitalised(plan.error.message)}</span>
        </p>
      )}
      <p>
        {trans.__('A copy of its notebook, with the values of the run, goes to')}{' '}
        <code>
          <Name text={plan.notebook} most={64} />
        </code>
        . {trans.__('You run it with your own rights; the version does not change.')}
      </p>
      {plan.same_environment ? (
        <p className="jp-Galley-said">
          <Glyph name="check" />
          <span>{trans.__('Its kernel has every package at the version that the run had.')}</span>
        </p>
      ) : (
        <>
          <p className="jp-Galley-said">
            <Glyph name="warning" />
            <span>
              {trans._n(
                '%1 package is not what the run had:',
                '%1 packages are not what the run had:',
                plan.differences.length
              )}
            </span>
          </p>
          <table className="jp-Galley-table">
            <thead>
              <tr>
                <th>{trans.__('Package')}</th>
                <th>{trans.__('In the run')}</th>
                <th>{trans.__('Here')}</th>
              </tr>
            </thead>
            <tbody>
              {plan.differences.slice(0, MOST).map(one => (
                <tr key={one.name}>
                  <td>{one.name}</td>
                  <td>{one.run}</td>
                  <td>{one.here ?? trans.__('not installed')}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {more > 0 && (
            <p className="jp-Galley-muted">
              {trans.__('and %1 more; requirements.lock beside the notebook has all', more)}
            </p>
          )}
        </>
      )}
      {plan.unreadable.length > 0 && (
        <>
          <p className="jp-Galley-said">
            <Glyph name="warning" />
            <span>{trans.__('It uses data that you cannot read here:')}</span>
          </p>
          <ul>
            {plan.unreadable.map(one => (
              <li key={one.path}>
                <code>{one.path}</code>: {one.why}
              </li>
            ))}
          </ul>
        </>
      )}
      {(plan.missing ?? []).map(text => (
        <p key={text} className="jp-Galley-muted">
          <Message text={text} />
        </p>
      ))}
    </div>
  );
}
