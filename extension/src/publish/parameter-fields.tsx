/** The notebook's parameters as typed fields: for every run, and cheaper ones for the rehearsal. */
import * as React from 'react';
import { useTrans } from '../components/context';
import { ParameterForm } from '../components/parameter-form';
import { parametersOf } from '../model/parameters';
import type { ParameterSchema } from '../api/types';
import type { IPartProps } from './form';
import type { Mistakes } from './mistakes';

export function ParameterFields({ session, draft, mistakes }: IPartProps): JSX.Element | null {
  const trans = useTrans();
  const schema = session.analysis.value?.parameters;
  const count = parametersOf(schema).length;
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
      <ParameterForm
        key={key}
        schema={schema}
        values={draft.defaults}
        problems={named(mistakes, 'defaults')}
        onChange={set('defaults')}
      />
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
