/**
 * Typed fields for a pipeline's parameters, made from its JSON schema.
 *
 * Written by hand rather than with RJSF: its validators are compiled with `new Function`, which the
 * standalone page's Content-Security-Policy forbids.
 */
import * as React from 'react';
import type { ParameterSchema } from '../api/types';
import {
  parametersOf,
  read,
  show,
  TIME_PARAMETERS,
  type IParameter,
  type Reading
} from '../model/parameters';
import { Empty } from './basics';
import { useTrans } from './context';
import { Field } from './field';

export interface IParameterFormProps {
  schema: ParameterSchema | null | undefined;
  /** Values that differ from the defaults. */
  values: Record<string, unknown>;
  /** The new values; `valid` is false while a field cannot be read. */
  onChange: (values: Record<string, unknown>, valid: boolean) => void;
  /** A mistake that the service named, by parameter. */
  problems?: Record<string, string>;
}

export function ParameterForm(props: IParameterFormProps): JSX.Element {
  const trans = useTrans();
  const parameters = parametersOf(props.schema);
  const [texts, setTexts] = React.useState<Record<string, string>>(() =>
    Object.fromEntries(
      parameters.map(one => [one.name, show(one, props.values[one.name] ?? one.default)])
    )
  );
  const readings = new Map(parameters.map(one => [one.name, read(one, texts[one.name] ?? '')]));
  if (parameters.length === 0) {
    return (
      <Empty title={trans.__('This notebook has no parameters.')}>
        {trans.__(
          'Tag a cell “parameters” and assign names in it: each becomes a typed field here.'
        )}
      </Empty>
    );
  }
  const change = (parameter: IParameter, text: string): void => {
    const next = { ...texts, [parameter.name]: text };
    setTexts(next);
    const values: Record<string, unknown> = {};
    let valid = true;
    for (const one of parameters) {
      const reading = read(one, next[one.name] ?? '');
      if (!reading.ok) {
        valid = false;
      } else if (reading.value !== undefined && !same(reading.value, one.default)) {
        values[one.name] = reading.value;
      }
    }
    props.onChange(values, valid);
  };
  return (
    <div className="jp-Galley-parameters">
      {parameters.map(parameter => (
        <ParameterField
          key={parameter.name}
          parameter={parameter}
          text={texts[parameter.name] ?? ''}
          reading={readings.get(parameter.name)!}
          problem={props.problems?.[parameter.name]}
          onChange={text => change(parameter, text)}
        />
      ))}
    </div>
  );
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function ParameterField(props: {
  parameter: IParameter;
  text: string;
  reading: Reading;
  problem?: string;
  onChange: (text: string) => void;
}): JSX.Element {
  const trans = useTrans();
  const { parameter, text, reading, onChange } = props;
  const filled = TIME_PARAMETERS.includes(parameter.name);
  const help = [
    parameter.description,
    filled && trans.__('Filled from the run’s logical date.'),
    limits(trans, parameter)
  ]
    .filter(Boolean)
    .join(' ');
  return (
    <Field
      label={parameter.name}
      optional={typeName(trans, parameter)}
      help={help || undefined}
      problem={props.problem ?? (reading.ok ? null : mistake(trans, parameter, reading.problem))}
    >
      {control => {
        if (parameter.type === 'boolean') {
          return (
            <label className="jp-Galley-check">
              <input
                type="checkbox"
                {...control}
                checked={text === 'true'}
                onChange={event => onChange(String(event.target.checked))}
              />
              {text === 'true' ? 'True' : 'False'}
            </label>
          );
        }
        if (parameter.enum) {
          return (
            <select {...control} value={text} onChange={event => onChange(event.target.value)}>
              {parameter.enum.map(value => (
                <option key={show(parameter, value)} value={show(parameter, value)}>
                  {show(parameter, value)}
                </option>
              ))}
            </select>
          );
        }
        const long = parameter.type === 'object' || text.length > 60 || text.includes('\n');
        return long ? (
          <textarea
            {...control}
            rows={3}
            value={text}
            spellCheck={false}
            onChange={event => onChange(event.target.value)}
          />
        ) : (
          <input
            type="text"
            {...control}
            inputMode={parameter.type === 'integer' ? 'numeric' : undefined}
            value={text}
            placeholder={filled ? trans.__('as the logical date says') : undefined}
            spellCheck={false}
            onChange={event => onChange(event.target.value)}
          />
        );
      }}
    </Field>
  );
}

type Trans = ReturnType<typeof useTrans>;

function typeName(trans: Trans, parameter: IParameter): string {
  const names: Record<IParameter['type'], string> = {
    integer: trans.__('whole number'),
    number: trans.__('number'),
    string: trans.__('text'),
    boolean: trans.__('yes or no'),
    array: trans.__('list'),
    object: trans.__('dictionary'),
    any: trans.__('JSON')
  };
  return parameter.enum ? trans.__('choice') : names[parameter.type];
}

function limits(trans: Trans, parameter: IParameter): string {
  const { minimum, maximum } = parameter;
  if (minimum !== null && maximum !== null) {
    return trans.__('From %1 to %2.', minimum, maximum);
  }
  if (minimum !== null) {
    return trans.__('At least %1.', minimum);
  }
  return maximum !== null ? trans.__('At most %1.', maximum) : '';
}

function mistake(
  trans: Trans,
  parameter: IParameter,
  problem: Extract<Reading, { ok: false }>['problem']
): string {
  switch (problem) {
    case 'integer':
      return trans.__('Write a whole number, such as 10.');
    case 'number':
      return trans.__('Write a number, such as 0.5.');
    case 'range':
      return limits(trans, parameter);
    case 'array':
      return trans.__('Write a list as JSON, such as ["a", "b"].');
    case 'object':
      return trans.__('Write a dictionary as JSON, such as {"a": 1}.');
    case 'missing':
      return trans.__('A value is needed: the notebook has no default.');
    default:
      return trans.__(
        'Write a value as JSON: text in double quotes, true, false, null or a number.'
      );
  }
}
