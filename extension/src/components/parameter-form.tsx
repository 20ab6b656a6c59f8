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
  type IBounds,
  type IParameter,
  type Mistake,
  type Reading
} from '../model/parameters';
import { Empty } from './basics';
import { useTrans } from './context';
import { Field } from './field';
import { Control, shown } from './parameter-control';

export interface IParameterFormProps {
  schema: ParameterSchema | null | undefined;
  /** Values that differ from the defaults. */
  values: Record<string, unknown>;
  /** The new values; `valid` is false while a field cannot be read. */
  onChange: (values: Record<string, unknown>, valid: boolean) => void;
  /** What the schedule gives, templates included: shown, and left to it where it is not changed. */
  given?: Record<string, unknown>;
  /** A mistake that the service named, by parameter. */
  problems?: Record<string, string>;
}

export function ParameterForm(props: IParameterFormProps): JSX.Element {
  const trans = useTrans();
  const parameters = parametersOf(props.schema, props.given);
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
  const rules = [
    parameter.template !== undefined
      ? trans.__('The schedule fills it for each date: %1', parameter.template)
      : filled && trans.__('Filled from the run’s logical date.'),
    limits(trans, parameter)
  ]
    .filter(Boolean)
    .join(' ');
  const help = rules ? `${sentence(parameter.description ?? '')}${rules}` : parameter.description;
  return (
    <Field
      label={parameter.name}
      optional={typeName(trans, parameter)}
      help={help || undefined}
      problem={props.problem ?? (reading.ok ? null : mistake(trans, parameter, reading.problem))}
    >
      {control => (
        <Control parameter={parameter} text={text} control={control} onChange={onChange} />
      )}
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
  const formats: Record<string, string> = {
    date: trans.__('date'),
    'date-time': trans.__('date and time'),
    time: trans.__('time'),
    path: trans.__('path')
  };
  if (parameter.enum) {
    return trans.__('choice');
  }
  if (parameter.type === 'array' && parameter.items?.enum) {
    return trans.__('any of these');
  }
  return formats[parameter.format ?? ''] ?? names[parameter.type];
}

/** Return text that a sentence may follow. */
function sentence(text: string): string {
  return text && `${text}${/[.!?…]$/.test(text) ? '' : '.'} `;
}

function limits(trans: Trans, parameter: IParameter): string {
  const entries = parameter.items && !parameter.items.enum ? range(trans, parameter.items) : '';
  return [
    range(trans, parameter),
    entries && trans.__('Each entry: %1', entries),
    counts(trans, parameter)
  ]
    .filter(Boolean)
    .join(' ');
}

function range(trans: Trans, bounds: IBounds): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = bounds;
  const parts =
    minimum !== null && maximum !== null
      ? [trans.__('From %1 to %2.', minimum, maximum)]
      : [
          minimum !== null && trans.__('At least %1.', minimum),
          maximum !== null && trans.__('At most %1.', maximum)
        ];
  return [
    ...parts,
    exclusiveMinimum !== null && trans.__('More than %1.', exclusiveMinimum),
    exclusiveMaximum !== null && trans.__('Less than %1.', exclusiveMaximum),
    multipleOf !== null && trans.__('A multiple of %1.', multipleOf)
  ]
    .filter(Boolean)
    .join(' ');
}

function counts(trans: Trans, { minItems, maxItems }: IParameter): string {
  if (minItems !== null && maxItems !== null) {
    return trans.__('%1 to %2 entries.', minItems, maxItems);
  }
  if (minItems !== null) {
    return trans._n('At least %1 entry.', 'At least %1 entries.', minItems);
  }
  return maxItems !== null ? trans._n('At most %1 entry.', 'At most %1 entries.', maxItems) : '';
}

function mistake(trans: Trans, parameter: IParameter, problem: Mistake): string {
  switch (problem) {
    case 'integer':
      return trans.__('Write a whole number, such as 10.');
    case 'number':
      return trans.__('Write a number, such as 0.5.');
    case 'range':
    case 'count':
      return limits(trans, parameter);
    case 'array':
      return trans.__('Write a list as JSON, such as ["a", "b"].');
    case 'entry':
      return (
        limits(trans, parameter) ||
        trans.__('An entry is none of: %1.', (parameter.items?.enum ?? []).map(shown).join(', '))
      );
    case 'object':
      return trans.__('Write a dictionary as JSON, such as {"a": 1}.');
    case 'missing':
      return parameter.hasDefault
        ? trans.__('A value is needed.')
        : trans.__('A value is needed: the notebook has no default.');
    case 'choice':
      return trans.__('Choose one of: %1.', (parameter.enum ?? []).map(shown).join(', '));
    case 'date':
      return trans.__('Write a date, such as 2026-11-21.');
    case 'date-time':
      return trans.__('Write a date and a time, such as 2026-11-21T06:00:00Z.');
    case 'time':
      return trans.__('Write a time, such as 06:30.');
    default:
      return trans.__(
        'Write a value as JSON: text in double quotes, true, false, null or a number.'
      );
  }
}
