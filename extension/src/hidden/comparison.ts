/** A session held against the clean run of a version. */
import type { Check, Version } from '../api/types';
import type { Bridge } from '../lab/bridge';
import type { IGalley } from '../model/galley';
import type { ILiveSession } from './session';

export interface IOutcome {
  /** The version whose clean run it is; null where there is none. */
  version: number | null;
  checks: readonly Check[];
  /** Why not everything, or nothing, was compared; null where all was. */
  reason: string | null;
  /** Whether the service compared anything. */
  compared: boolean;
}

/** Compare a session with the clean run of `version`; null stands for a notebook without one.
 *
 * @throws Problem - the service refused, or did not answer.
 */
export async function compare(
  galley: IGalley,
  bridge: Bridge,
  session: ILiveSession,
  version: Version | null
): Promise<IOutcome> {
  const { client, trans } = galley;
  const alone = (reason: string): IOutcome => ({
    version: version?.number ?? null,
    checks: session.checks(),
    reason,
    compared: false
  });
  if (!version) {
    return alone(
      trans.__('This notebook has no clean run yet: rehearse or publish it, then compare.')
    );
  }
  const refused = session.refusal();
  if (refused) {
    return alone(refused);
  }
  const expression = await bridge.fingerprint();
  let state;
  try {
    state = await session.state(expression);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return alone(trans.__('The kernel could not say what it holds: %1', why));
  }
  const { checks, reason } = await client.compareLive(version.id, state);
  return { version: version.number, checks, reason: reason ?? null, compared: true };
}

/** The newest version of the notebook at `path` that ran clean; null where none did. */
export async function cleanVersion(galley: IGalley, path: string): Promise<Version | null> {
  const { client, homeTenant, me } = galley;
  if (homeTenant === null) {
    return null;
  }
  const { items } = await client.pipelines(homeTenant, { source_path: path, limit: 10 });
  const pipeline = items.find(one => one.owner === me.value?.user) ?? items[0];
  if (!pipeline) {
    return null;
  }
  const versions = await client.versions(homeTenant, pipeline.slug, { limit: 20 });
  return versions.items.find(one => one.evidence?.passed) ?? null;
}
