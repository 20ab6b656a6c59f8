/** How much a proof of the split may take. */
import * as React from 'react';
import { useTrans } from '../components/context';
import { Choice } from '../components/field';
import { duration } from '../format/time';
import type { PublishSession } from './session';

export function ProofChoice({ session }: { session: PublishSession }): JSX.Element {
  const trans = useTrans();
  const prove = session.draft?.prove ?? 'budget';
  const budget = session.tenant?.limits?.proof ?? null;
  const told = {
    budget: budget
      ? trans.__(
          'The split is proved while that takes at most %1; else the version has one task, and the review says so.',
          duration(trans, budget)
        )
      : trans.__(
          'This tenant allows no time for proofs: the version has one task, and the review says so.'
        ),
    always: trans.__(
      'The split is proved however long that takes: about three plain runs, or four where something differs.'
    ),
    never: trans.__('Nothing is compared: the version has one task.')
  };
  return (
    <div className="jp-Galley-proofChoice">
      <h4>{trans.__('Prove the split')}</h4>
      <Choice
        label={trans.__('Prove the split')}
        value={prove}
        options={[
          { value: 'budget', label: trans.__('Within the time budget') },
          { value: 'always', label: trans.__('Always') },
          { value: 'never', label: trans.__('Never') }
        ]}
        onChange={value => session.edit({ prove: value })}
      />
      <p className="jp-Galley-help">{told[prove]}</p>
    </div>
  );
}
