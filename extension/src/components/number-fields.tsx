/** Fields of numbers that may be left out: minutes, whole numbers, a deadline. */
import * as React from 'react';
import { minutesOf, secondsOf } from '../model/schedule';
import { useTrans } from './context';
import { Field } from './field';

export interface IValue<V> {
  label: string;
  help?: string;
  optional?: string;
  value: V | null | undefined;
  problem: string | null;
  onChange: (value: V | null) => void;
}

export function Minutes(props: IValue<number>): JSX.Element {
  const trans = useTrans();
  const [text, setText] = React.useState(minutesOf(props.value));
  return (
    <Field
      label={props.label}
      optional={trans.__('minutes')}
      help={props.help}
      problem={props.problem}
    >
      {control => (
        <input
          type="number"
          min={0}
          step="any"
          {...control}
          value={text}
          onChange={event => {
            setText(event.target.value);
            props.onChange(secondsOf(event.target.value));
          }}
        />
      )}
    </Field>
  );
}

export function Whole(props: IValue<number>): JSX.Element {
  return (
    <Field label={props.label} optional={props.optional} problem={props.problem}>
      {control => (
        <input
          type="number"
          step={1}
          {...control}
          value={props.value ?? ''}
          onChange={event =>
            props.onChange(
              event.target.value === '' ? null : Math.round(Number(event.target.value))
            )
          }
        />
      )}
    </Field>
  );
}

/** By when a run must have ended, in minutes from some moment; the value is in seconds. */
export function Deadline(
  props: Pick<IValue<number>, 'value' | 'problem' | 'onChange'> & {
    /** The moment that it counts from, as a sentence. */
    since: string;
  }
): JSX.Element {
  const trans = useTrans();
  return (
    <Minutes
      label={trans.__('Deadline')}
      help={trans.__(
        '%1 If it has not started by then it is skipped, if it is running it is timed out.',
        props.since
      )}
      value={props.value}
      problem={props.problem}
      onChange={props.onChange}
    />
  );
}
