/** Parameters of runs that start by themselves: values, or templates that each run fills. */
import * as React from 'react';
import type { ParameterSchema } from '../api/types';
import { useTrans } from './context';
import { Field } from './field';

type Values = Record<string, unknown>;

const EXAMPLE = '{{ logical_date | local | date }}';

export function TemplateFields(props: {
  title: string;
  schema: ParameterSchema | null;
  values: Values;
  onChange: (values: Values) => void;
  /** The mistake about a parameter, by its name. */
  problem: (name: string) => string | null;
}): JSX.Element | null {
  const trans = useTrans();
  const names = Object.keys(props.schema?.properties ?? {});
  if (names.length === 0) {
    return null;
  }
  return (
    <div className="jp-Galley-ruleValues">
      <div className="jp-Galley-fieldLabel">{props.title}</div>
      <div className="jp-Galley-help">
        {trans.__('Values, or templates such as %1; empty for the usual value.', EXAMPLE)}
      </div>
      {names.map(name => (
        <Field key={name} label={name} problem={props.problem(name)}>
          {control => (
            <input
              type="text"
              {...control}
              className="jp-mod-code"
              spellCheck={false}
              value={shown(props.values[name])}
              onChange={event => {
                const text = event.target.value;
                const others = Object.entries(props.values).filter(([other]) => other !== name);
                const values = Object.fromEntries(others);
                props.onChange(text === '' ? values : { ...values, [name]: text });
              }}
            />
          )}
        </Field>
      ))}
    </div>
  );
}

function shown(value: unknown): string {
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}
