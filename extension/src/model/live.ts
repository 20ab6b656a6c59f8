/** Which version of a pipeline is the one to speak of. */
import type { Pipeline, Version } from '../api/types';

/** The live version; while none is live, the newest. */
export function liveOf(pipeline: Pipeline, versions: readonly Version[]): Version | undefined {
  return versions.find(one => one.number === pipeline.live_version) ?? versions[0];
}
