/** A trigger as its form has it: what is typed, what is asked of the service, and whose mistake it is. */
import type { Trigger, TriggerSource } from '../api/types';
import { slugify } from '../format/names';
import type { IGalley } from './galley';

export type TriggerType = TriggerSource['type'];

export const LEAST_INTERVAL_S = 10;
export const LONGEST_INTERVAL_S = 86_400;

export interface ITriggerDraft {
  type: TriggerType;
  pipelines: readonly string[];
  url: string;
  /** Pause between two looks, seconds, as it is typed. */
  interval: string;
  parameters: Record<string, unknown>;
  /** From a firing until its run must have ended, seconds; null: no such time. */
  deadline: number | null;
}

export function draftOf(trigger: Trigger | null): ITriggerDraft {
  const source = trigger?.source;
  return {
    type: source?.type ?? 'upstream',
    pipelines: source?.type === 'upstream' ? source.pipelines : [],
    url: source?.type === 'file' ? source.url : '',
    interval: String(source?.type === 'file' ? source.interval_s : 60),
    parameters: trigger?.parameters ?? {},
    deadline: trigger?.deadline_s ?? null
  };
}

export function sourceOf(draft: ITriggerDraft): TriggerSource {
  switch (draft.type) {
    case 'upstream':
      return { type: 'upstream', pipelines: [...draft.pipelines] };
    case 'file':
      return { type: 'file', url: draft.url.trim(), interval_s: Number(draft.interval) };
    default:
      return { type: 'webhook' };
  }
}

/** Whether the pause between two looks is one that the service takes. */
export function isInterval(text: string): boolean {
  const seconds = Number(text);
  return text.trim() !== '' && seconds >= LEAST_INTERVAL_S && seconds <= LONGEST_INTERVAL_S;
}

/** A name that says what it waits for; empty while that is not said. */
export function suggestedName(draft: ITriggerDraft): string {
  switch (draft.type) {
    case 'upstream':
      return draft.pipelines.length > 0 ? slugify(`after-${draft.pipelines[0]}`) : '';
    case 'file': {
      const last = draft.url.split('/').filter(Boolean).pop();
      return last ? slugify(`new-${last}`) : '';
    }
    default:
      return 'webhook';
  }
}

export type TriggerField =
  'name' | 'pipelines' | 'url' | 'interval_s' | 'deadline_s' | `parameters.${string}`;

/** Which field of the form a refusal is about; null where it is about none of them. */
export function fieldOf(field: string | null | undefined): TriggerField | null {
  if (field === 'name' || field === 'deadline_s' || field?.startsWith('parameters.')) {
    return field as TriggerField;
  }
  // "source.pipelines", and with the type between them where a value cannot be one at all.
  const [, found] = /^source\.(?:\w+\.)?(pipelines|url|interval_s)\b/.exec(field ?? '') ?? [];
  return (found as TriggerField | undefined) ?? null;
}

/** The whole address of a webhook. */
export function hookAddress(galley: IGalley, trigger: Trigger): string {
  const root = new URL(galley.href({ kind: 'today' }), window.location.href);
  return `${root.href}api/v1${trigger.hook}`;
}

/** Commands that send a signed request; the secret comes from the environment. */
export function signedRequest(address: string): string {
  return [
    `body='{}'`,
    `now=$(date +%s)`,
    `signature=$(printf '%s.%s' "$now" "$body" \\`,
    `  | openssl dgst -sha256 -hmac "$SECRET" -r | cut -d' ' -f1)`,
    `curl '${address}' \\`,
    `  -H "Galley-Timestamp: $now" \\`,
    `  -H "Galley-Signature: v1=$signature" \\`,
    `  -H 'Content-Type: application/json' -d "$body"`
  ].join('\n');
}
