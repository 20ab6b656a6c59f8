/** The notebook's parameters as typed fields: for every run, and cheaper ones for the rehearsal. */
import * as React from 'react';
import { Button } from '../components/basics';
import { useTrans } from '../components/context';
import { ParameterForm } from '../components/parameter-form';
import { parametersOf } from '../model/parameters';
import type { ParameterSchema } from '../api/types';
import type { IPartProps } from './form';
import type { Mistakes } from './mistakes';

export function ParameterFields({ session, draft, mistakes }: IPartProps): JSX.Element | null {
  const trans = useTrans();
  const schema = session.analysis.value?.parameters;
  const { tagged } = session;
  const count = parametersOf(schema).length;
  const proposed = Object.keys(session.analysis.value?.proposed?.properties ?? {});
  // A form keeps its texts: another schema (after *Read again*) needs another form.
  const key = JSON.stringify(schema ?? null);
  const set = (which: 'defaults' | 'rehearsal') => (values: Record<string, unknown>, ok: boolean) =>
    session.edit({
      [which]: values,
      // Other values for all runs draw the rehearsal's form anew.
      unreadable: { ...draft.unreadable, rehearsal: false, [which]: !ok }
    });
  const changed = Object.keys(draft.rehearsal).length;
  return (
    <fieldset>
      <legend>{trans.__('Parameters')}</legend>
      {count === 0 && proposed.length > 0 ? (
        <Proposal
          names={proposed}
          cell={session.analysis.value?.proposed?.cell ?? null}
          busy={session.analysis.loading}
          onTag={cell => void session.tag(cell, true)}
        />
      ) : (
        <ParameterForm
          key={key}
          schema={schema}
          values={draft.defaults}
          problems={named(mistakes, 'defaults')}
          onChange={set('defaults')}
        />
      )}
      {tagged !== null && (
        <div className="jp-Galley-row">
          <span className="jp-Galley-muted">
            {trans.__('Cell %1 of your notebook got the tag “parameters”.', tagged + 1)}
          </span>
          <Button
            kind="quiet"
            label={trans.__('Take the tag away again')}
            busy={session.analysis.loading}
            onClick={() => void session.tag(tagged, false)}
          />
        </div>
      )}
      {count > 0 && (
        <details
          open={Object.keys(named(mistakes, 'rehearsal_parameters')).length > 0 || undefined}
        >
          <summary>
            {trans.__('Cheaper values for the rehearsal')}{' '}
            <span className="jp-Galley-muted">
              {changed > 0 ? trans._n('%1 differs', '%1 differ', changed) : trans.__('optional')}
            </span>
          </summary>
          <p className="jp-Galley-help">
            {trans.__('The rehearsal runs the whole notebook once; smaller values make it short.')}
          </p>
          <ParameterForm
            key={key + JSON.stringify(draft.defaults)}
            schema={withDefaults(schema, draft.defaults)}
            values={draft.rehearsal}
            problems={named(mistakes, 'rehearsal_parameters')}
            onChange={set('rehearsal')}
          />
        </details>
      )}
    </fieldset>
  );
}

/** What could be parameters, in a notebook that tags none. */
function Proposal(props: {
  names: readonly string[];
  cell: number | null;
  busy: boolean;
  onTag: (cell: number) => void;
}): JSX.Element {
  const trans = useTrans();
  const { names, cell } = props;
  const list = names.map(name => `“${name}”`).join(', ');
  return (
    <div className="jp-Galley-proposal">
      <p>
        {trans._n(
          'This notebook has no parameters yet. %2 looks like one.',
          'This notebook has no parameters yet. %2 look like some.',
          names.length,
          list
        )}
      </p>
      {cell === null ? (
        <p className="jp-Galley-muted">
          {trans.__(
            'Put their assignments into a cell of their own and read the notebook again: then that cell can be tagged here.'
          )}
        </p>
      ) : (
        <>
          <p className="jp-Galley-muted">
            {trans.__(
              'Making them parameters edits your notebook: cell %1 gets the tag “parameters”, and the notebook is saved.',
              cell + 1
            )}
          </p>
          <Button
            label={trans.__('Make these parameters')}
            busy={props.busy}
            onClick={() => props.onTag(cell)}
          />
        </>
      )}
    </div>
  );
}

/** The schema as a run sees it: with the values chosen above as its defaults. */
export function withDefaults(
  schema: ParameterSchema | undefined,
  values: Record<string, unknown>
): ParameterSchema | undefined {
  if (!schema) {
    return undefined;
  }
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    name,
    name in values ? { ...property, default: values[name] } : property
  ]);
  return { ...schema, properties: Object.fromEntries(properties) as ParameterSchema['properties'] };
}

function named(mistakes: Mistakes, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(mistakes)
      .filter(([field]) => field.startsWith(`${prefix}.`))
      .map(([field, text]) => [field.slice(prefix.length + 1), text])
  );
}
