/** A form's field: label, control, help, and the mistake right beside it. */
import * as React from 'react';

export interface IFieldProps {
  label: string;
  help?: React.ReactNode;
  problem?: string | null;
  optional?: string;
  children: (control: {
    id: string;
    'aria-describedby'?: string;
    'aria-invalid'?: boolean;
  }) => React.ReactNode;
}

export function Field(props: IFieldProps): JSX.Element {
  const id = React.useId();
  const described = [props.help && `${id}-help`, props.problem && `${id}-problem`]
    .filter(Boolean)
    .join(' ');
  return (
    <div className={`jp-Galley-field${props.problem ? ' jp-mod-invalid' : ''}`}>
      <label htmlFor={id}>
        {props.label}
        {props.optional && <span className="jp-Galley-muted"> {props.optional}</span>}
      </label>
      {props.children({
        id,
        'aria-describedby': described || undefined,
        'aria-invalid': props.problem ? true : undefined
      })}
      {props.help && (
        <div id={`${id}-help`} className="jp-Galley-help">
          {props.help}
        </div>
      )}
      {props.problem && (
        <div id={`${id}-problem`} className="jp-Galley-fieldProblem" role="alert">
          {props.problem}
        </div>
      )}
    </div>
  );
}

/** A choice among a few values that are all visible. */
export function Choice<V extends string>(props: {
  value: V;
  options: { value: V; label: string; title?: string; reason?: string | null }[];
  onChange: (value: V) => void;
  label: string;
}): JSX.Element {
  const name = React.useId();
  return (
    <div className="jp-Galley-choice" role="radiogroup" aria-label={props.label}>
      {props.options.map(option => (
        <label
          key={option.value}
          title={option.reason ?? option.title}
          className={option.reason ? 'jp-mod-disabled' : undefined}
        >
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === props.value}
            disabled={Boolean(option.reason)}
            onChange={() => props.onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </div>
  );
}
