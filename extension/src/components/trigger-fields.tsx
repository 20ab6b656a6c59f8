/** What a trigger waits for, as fields: pipelines upstream, or a file and how often it is looked at. */
import * as React from 'react';
import { closeIcon } from '@jupyterlab/ui-components';
import type { IPage, Pipeline } from '../api/types';
import { Resource } from '../model/resource';
import {
  isInterval,
  LEAST_INTERVAL_S,
  LONGEST_INTERVAL_S,
  type ITriggerDraft,
  type TriggerField
} from '../model/trigger';
import { Button, Name } from './basics';
import { useGalley, useModel, useSettled } from './context';
import { Field } from './field';

/** How long an entry rests before names like it are looked up, milliseconds. */
const QUIET = 300;

/** Pipelines, each by its name; what is typed is completed from those of the tenant. */
export function UpstreamField(props: {
  pipeline: Pipeline;
  value: readonly string[];
  problem: string | null;
  onChange: (value: string[]) => void;
}): JSX.Element {
  const { client, trans } = useGalley();
  const { value, onChange } = props;
  const { tenant, slug } = props.pipeline;
  const list = React.useId();
  const [text, setText] = React.useState('');
  const looked = useSettled(text, QUIET);
  const found = useModel(() => {
    const resource = new Resource<IPage<Pipeline>>(() =>
      client.pipelines(tenant, { q: looked || null, limit: 50 })
    );
    void resource.refresh();
    return resource;
  }, `${tenant}?${looked}`);
  const others = (found.value?.items ?? []).filter(
    one => one.slug !== slug && !value.includes(one.slug)
  );
  const add = (name: string): void => {
    setText('');
    if (name && !value.includes(name)) {
      onChange([...value, name]);
    }
  };
  return (
    <Field
      label={trans.__('After the success of')}
      help={trans.__(
        'It runs once all of them have succeeded for a logical date, and is given that date.'
      )}
      problem={props.problem}
    >
      {control => (
        <>
          {value.length > 0 && (
            <ul className="jp-Galley-tokens">
              {value.map(one => (
                <li key={one}>
                  <code>
                    <Name text={one} most={40} />
                  </code>
                  <button
                    type="button"
                    className="jp-Galley-iconButton"
                    aria-label={trans.__('Leave out %1', one)}
                    title={trans.__('Leave out %1', one)}
                    onClick={() => onChange(value.filter(other => other !== one))}
                  >
                    <closeIcon.react tag="span" elementSize="small" />
                  </button>
                </li>
              ))}
            </ul>
          )}
          <span className="jp-Galley-withButton">
            <input
              type="text"
              {...control}
              list={list}
              spellCheck={false}
              autoComplete="off"
              placeholder={trans.__('Name of a pipeline')}
              value={text}
              onChange={event => {
                const typed = event.target.value;
                // A choice from the list is whole; what is typed may go on.
                const chosen = !(event.nativeEvent as InputEvent).inputType?.startsWith('insertT');
                if (chosen && others.some(one => one.slug === typed)) {
                  add(typed);
                } else {
                  setText(typed);
                }
              }}
              onKeyDown={event => {
                if (event.key === 'Enter') {
                  event.preventDefault();
                  add(text.trim());
                }
              }}
            />
            <Button
              label={trans.__('Add')}
              reason={text.trim() ? null : trans.__('Write the name of a pipeline.')}
              onClick={() => add(text.trim())}
            />
          </span>
          <datalist id={list}>
            {others.map(one => (
              <option key={one.slug} value={one.slug}>
                {one.name}
              </option>
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}

export function FileFields(props: {
  draft: ITriggerDraft;
  problem: (field: TriggerField) => string | null;
  onChange: (change: Partial<ITriggerDraft>) => void;
}): JSX.Element {
  const { trans } = useGalley();
  const { draft, problem, onChange } = props;
  return (
    <>
      <Field
        label={trans.__('File, object, folder or table')}
        help={trans.__(
          '/datasets/NAME/PATH, or an address below what the operator lets this tenant watch. A change counts once two looks have seen the same version.'
        )}
        problem={problem('url')}
      >
        {control => (
          <input
            type="text"
            {...control}
            className="jp-mod-code"
            spellCheck={false}
            placeholder="/datasets/landing/orders.csv"
            value={draft.url}
            onChange={event => onChange({ url: event.target.value })}
          />
        )}
      </Field>
      <Field
        label={trans.__('Pause between two looks')}
        optional={trans.__('seconds')}
        problem={
          isInterval(draft.interval)
            ? problem('interval_s')
            : trans.__('From %1 to %2 seconds.', LEAST_INTERVAL_S, LONGEST_INTERVAL_S)
        }
      >
        {control => (
          <input
            type="number"
            min={LEAST_INTERVAL_S}
            max={LONGEST_INTERVAL_S}
            {...control}
            value={draft.interval}
            onChange={event => onChange({ interval: event.target.value })}
          />
        )}
      </Field>
    </>
  );
}
