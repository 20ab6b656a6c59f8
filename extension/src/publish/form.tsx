/** The left column of the publish dialog: what the pipeline is called, is for, and how it runs. */
import * as React from 'react';
import { Choice, Field } from '../components/field';
import { useTrans } from '../components/context';
import { Badge } from '../components/glyph';
import { rename, type IDraft } from './draft';
import type { Mistakes } from './mistakes';
import { ParameterFields } from './parameter-fields';
import { ProfileField } from './profile-field';
import { ScheduleFields } from './schedule-fields';
import type { PublishSession } from './session';

export interface IPartProps {
  session: PublishSession;
  draft: IDraft;
  mistakes: Mistakes;
}

export function PublishForm(props: IPartProps): JSX.Element {
  const trans = useTrans();
  const { session, draft, mistakes } = props;
  const reviewed = (session.tenant?.gates.length ?? 0) > 0;
  return (
    <form
      className="jp-Galley-publishForm"
      aria-label={trans.__('Publish')}
      onSubmit={event => event.preventDefault()}
    >
      <Naming {...props} />
      <GoalFields {...props} />
      <ParameterFields {...props} />
      <fieldset>
        <legend>{trans.__('How it runs')}</legend>
        <ProfileField {...props} />
        <div className="jp-Galley-pair">
          <Field
            label={trans.__('Time limit')}
            optional={trans.__('minutes')}
            problem={mistakes.timeout_s}
          >
            {control => (
              <input
                type="text"
                inputMode="decimal"
                {...control}
                value={draft.timeout}
                onChange={event => session.edit({ timeout: event.target.value })}
              />
            )}
          </Field>
          <Field
            label={trans.__('Time limit of a cell')}
            optional={trans.__('minutes, optional')}
            problem={mistakes.cell_timeout_s}
          >
            {control => (
              <input
                type="text"
                inputMode="decimal"
                {...control}
                value={draft.cellTimeout}
                onChange={event => session.edit({ cellTimeout: event.target.value })}
              />
            )}
          </Field>
          <Field
            label={trans.__('Retries')}
            problem={mistakes.retries}
            help={trans.__('After platform failures; an error in the notebook is not repeated.')}
          >
            {control => (
              <input
                type="text"
                inputMode="numeric"
                {...control}
                value={draft.retries}
                onChange={event => session.edit({ retries: event.target.value })}
              />
            )}
          </Field>
        </div>
      </fieldset>
      <ScheduleFields {...props} />
      <Field
        label={reviewed ? trans.__('Note to the reviewers') : trans.__('Note')}
        optional={trans.__('optional')}
        problem={mistakes.note}
      >
        {control => (
          <textarea
            {...control}
            rows={3}
            placeholder={
              reviewed ? trans.__('What changed, and what to look at') : trans.__('What changed')
            }
            value={draft.note}
            onChange={event => session.edit({ note: event.target.value })}
          />
        )}
      </Field>
    </form>
  );
}

function Naming({ session, draft, mistakes }: IPartProps): JSX.Element {
  const trans = useTrans();
  return (
    <fieldset>
      <legend className="jp-Galley-hidden">{trans.__('Name')}</legend>
      <Field label={trans.__('Name')} problem={mistakes.name}>
        {control => (
          <input
            type="text"
            {...control}
            autoFocus
            value={draft.name}
            onChange={event => session.edit(rename(draft, event.target.value))}
          />
        )}
      </Field>
      <SlugField session={session} draft={draft} mistakes={mistakes} />
      <Field
        label={trans.__('Description')}
        optional={trans.__('optional')}
        problem={mistakes.description}
      >
        {control => (
          <textarea
            {...control}
            rows={2}
            value={draft.description}
            onChange={event => session.edit({ description: event.target.value })}
          />
        )}
      </Field>
      <div className="jp-Galley-muted">{trans.__('Owner: %1', session.owner)}</div>
    </fieldset>
  );
}

function SlugField({ session, draft, mistakes }: IPartProps): JSX.Element {
  const trans = useTrans();
  const { answer } = session.slug;
  const known = answer?.slug === draft.slug ? answer : null;
  const choose = (slug: string): void => session.edit({ slug, slugEdited: true, continues: false });
  const suggestion = known?.suggestion;
  return (
    <Field
      label={trans.__('Short name')}
      optional={trans.__('in addresses and commands')}
      problem={mistakes.slug ?? session.slug.problem?.message}
      help={
        !known && !session.slug.problem ? (
          trans.__('Checking…')
        ) : known?.valid && !mistakes.slug ? (
          <Badge
            plain
            word={
              session.pipeline
                ? {
                    text: trans.__('Next version: v%1', session.nextVersion),
                    tone: 'good',
                    glyph: 'rocket'
                  }
                : { text: trans.__('Free: a new pipeline'), tone: 'good', glyph: 'check' }
            }
          />
        ) : null
      }
    >
      {control => (
        <>
          <input
            type="text"
            {...control}
            spellCheck={false}
            value={draft.slug}
            onChange={event => choose(event.target.value)}
          />
          {suggestion && suggestion !== draft.slug && mistakes.slug && (
            <button
              type="button"
              className="jp-Galley-textButton"
              onClick={() => choose(suggestion)}
            >
              {trans.__('Use “%1”', suggestion)}
            </button>
          )}
          {known?.exists && !known.yours && (
            <label className="jp-Galley-check">
              <input
                type="checkbox"
                checked={draft.continues}
                onChange={event => session.edit({ continues: event.target.checked })}
              />
              {trans.__(
                'It is meant as the next version of that pipeline, which %1 owns',
                session.pipeline?.owner ?? trans.__('somebody else')
              )}
            </label>
          )}
        </>
      )}
    </Field>
  );
}

function GoalFields({ session, draft, mistakes }: IPartProps): JSX.Element {
  const trans = useTrans();
  return (
    <fieldset>
      <legend>
        {trans.__('Goal')} <span className="jp-Galley-muted">{trans.__('optional')}</span>
      </legend>
      <div className="jp-Galley-pair">
        <Field
          label={trans.__('Metric')}
          problem={mistakes['goal.metric'] ?? mistakes['goal.direction']}
          help={trans.__('Logged by the notebook with mlflow.log_metric.')}
        >
          {control => (
            <input
              type="text"
              {...control}
              placeholder="accuracy"
              spellCheck={false}
              value={draft.metric}
              onChange={event => session.edit({ metric: event.target.value })}
            />
          )}
        </Field>
        <Field label={trans.__('Threshold')} problem={mistakes['goal.threshold']}>
          {control => (
            <input
              type="text"
              inputMode="decimal"
              {...control}
              placeholder="0.9"
              value={draft.threshold}
              onChange={event => session.edit({ threshold: event.target.value })}
            />
          )}
        </Field>
      </div>
      {draft.metric.trim() !== '' && (
        <Choice
          label={trans.__('Direction')}
          value={draft.direction}
          options={[
            { value: 'higher', label: trans.__('Higher is better') },
            { value: 'lower', label: trans.__('Lower is better') }
          ]}
          onChange={direction => session.edit({ direction })}
        />
      )}
    </fieldset>
  );
}
