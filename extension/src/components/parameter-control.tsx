/** The control of one parameter: a picker, a slider, a list of choices, or a text field. */
import * as React from 'react';
import { TIME_PARAMETERS, type IParameter } from '../model/parameters';
import { useTrans } from './context';
import type { IFieldProps } from './field';

type ControlProps = Parameters<IFieldProps['children']>[0];

export function Control(props: {
  parameter: IParameter;
  text: string;
  control: ControlProps;
  onChange: (text: string) => void;
}): JSX.Element {
  const trans = useTrans();
  const { parameter, text, control, onChange } = props;
  if (parameter.template !== undefined) {
    return (
      <input
        type="text"
        {...control}
        value={text}
        placeholder={parameter.template}
        spellCheck={false}
        onChange={event => onChange(event.target.value)}
      />
    );
  }
  if (parameter.enum) {
    return <Select {...props} values={parameter.enum} />;
  }
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
  if (parameter.type === 'array' && parameter.items?.enum) {
    return <Several {...props} values={parameter.items.enum} labels={parameter.items.labels} />;
  }
  const { minimum, maximum } = parameter;
  if (minimum !== null && maximum !== null && slides(parameter, maximum - minimum)) {
    return <Slider {...props} minimum={minimum} maximum={maximum} />;
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
      type={inputType(parameter, text)}
      step={parameter.format === 'time' ? 1 : undefined}
      {...control}
      inputMode={parameter.type === 'integer' ? 'numeric' : undefined}
      value={text}
      placeholder={
        TIME_PARAMETERS.includes(parameter.name) ? trans.__('as the logical date says') : undefined
      }
      spellCheck={false}
      onChange={event => onChange(event.target.value)}
    />
  );
}

/** The browser's own picker, where the text is one that it can show. */
function inputType(parameter: IParameter, text: string): string {
  const pickers: Record<string, RegExp> = {
    date: /^(\d{4}-\d{2}-\d{2})?$/,
    time: /^(\d{2}:\d{2}(:\d{2})?)?$/
  };
  const { format } = parameter;
  return parameter.type === 'string' && format && pickers[format]?.test(text) ? format : 'text';
}

/** A slider with more steps than that moves past the value that is wanted. */
const MAX_STEPS = 10_000;

function slides(parameter: IParameter, range: number): boolean {
  const step =
    parameter.step ?? (parameter.type === 'integer' ? (parameter.multipleOf ?? 1) : null);
  const number = parameter.type === 'integer' || parameter.type === 'number';
  return number && step !== null && range / step <= MAX_STEPS;
}

interface IControl {
  parameter: IParameter;
  text: string;
  control: ControlProps;
  onChange: (text: string) => void;
}

function Select(props: IControl & { values: unknown[] }): JSX.Element {
  const trans = useTrans();
  const { parameter, text, control, onChange, values } = props;
  return (
    <select {...control} value={text} onChange={event => onChange(event.target.value)}>
      {text === '' && <option value="">{trans.__('Choose…')}</option>}
      {values.map((value, index) => (
        <option key={index} value={JSON.stringify(value)}>
          {parameter.labels?.[index] ?? shown(value)}
        </option>
      ))}
    </select>
  );
}

function Several(props: IControl & { values: unknown[]; labels: string[] | null }): JSX.Element {
  const { parameter, text, onChange, values, labels } = props;
  const chosen = new Set(entries(text).map(one => JSON.stringify(one)));
  return (
    <div role="group" className="jp-Galley-several" aria-label={parameter.name}>
      {values.map((value, index) => {
        const key = JSON.stringify(value);
        return (
          <label key={key} className="jp-Galley-check">
            <input
              type="checkbox"
              checked={chosen.has(key)}
              onChange={event => {
                const wanted = (one: unknown): boolean =>
                  JSON.stringify(one) === key
                    ? event.target.checked
                    : chosen.has(JSON.stringify(one));
                onChange(JSON.stringify(values.filter(wanted)));
              }}
            />
            {labels?.[index] ?? shown(value)}
          </label>
        );
      })}
    </div>
  );
}

function entries(text: string): unknown[] {
  try {
    const value = JSON.parse(text) as unknown;
    return Array.isArray(value) ? (value as unknown[]) : [];
  } catch {
    return [];
  }
}

function Slider(props: IControl & { minimum: number; maximum: number }): JSX.Element {
  const { parameter, text, control, onChange, minimum, maximum } = props;
  const value = Number(text);
  return (
    <div className="jp-Galley-slider">
      <input
        type="text"
        {...control}
        inputMode={parameter.type === 'integer' ? 'numeric' : 'decimal'}
        value={text}
        spellCheck={false}
        onChange={event => onChange(event.target.value)}
      />
      <input
        type="range"
        aria-label={parameter.name}
        min={minimum}
        max={maximum}
        step={parameter.step ?? parameter.multipleOf ?? 1}
        value={Number.isFinite(value) ? value : minimum}
        onChange={event => onChange(event.target.value)}
      />
    </div>
  );
}

/** A value of a choice as people read it. */
export function shown(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}
