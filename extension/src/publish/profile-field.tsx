/** The profile: what a run gets at most, and why one cannot be had. */
import * as React from 'react';
import type { IProfile } from '../api/types';
import { useTrans } from '../components/context';
import { Field } from '../components/field';
import { bytes } from '../format/quantity';
import type { IPartProps } from './form';

export function ProfileField({ session, draft, mistakes }: IPartProps): JSX.Element {
  const trans = useTrans();
  const name = React.useId();
  const profiles = session.tenant?.profiles ?? [];
  return (
    <Field label={trans.__('Profile')} problem={mistakes.profile}>
      {control => (
        <div className="jp-Galley-profiles" role="radiogroup" {...control}>
          {profiles.map(profile => (
            <label
              key={profile.name}
              className={profile.available ? undefined : 'jp-mod-disabled'}
              title={profile.reason ?? profile.description}
            >
              <input
                type="radio"
                name={name}
                disabled={!profile.available}
                checked={profile.name === draft.profile}
                onChange={() => session.edit({ profile: profile.name })}
              />
              <span className="jp-Galley-profile">
                <span>{profile.display_name}</span>
                <span className="jp-Galley-muted">{size(trans, profile)}</span>
                {profile.reason && !profile.available && (
                  <span className="jp-Galley-help">{profile.reason}</span>
                )}
              </span>
            </label>
          ))}
        </div>
      )}
    </Field>
  );
}

function size(trans: ReturnType<typeof useTrans>, profile: IProfile): string {
  const parts = [trans.__('%1 CPU', profile.cpu), bytes(profile.memory)];
  if (profile.gpus > 0) {
    parts.push(trans._n('%1 GPU', '%1 GPUs', profile.gpus));
  }
  return parts.join(' · ');
}
