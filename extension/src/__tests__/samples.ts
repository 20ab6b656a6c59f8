/** Wire models for tests, each as small as may be. */
import type { Analysis, Run, Version } from '../api/types';

export const DIGEST = 'd'.repeat(64);

export function version(changes: Partial<Version> = {}): Version {
  return {
    id: 'v-3',
    tenant: 'oncology',
    pipeline: 'risk',
    number: 3,
    state: 'in_review',
    state_reason: null,
    digest: DIGEST,
    author: 'ada',
    name: 'Risk score',
    description: '',
    note: '',
    goal: null,
    profile: 'cpu-small',
    timeout_s: 3600,
    retries: 1,
    schedule: null,
    rehearse_only: false,
    source_path: null,
    analysis: null,
    evidence: null,
    progress: null,
    rehearsal_run: null,
    gates: [
      { gate: 'lead', passed: false },
      { gate: 'mle', passed: false }
    ],
    decisions: [],
    live: false,
    created_at: '2026-11-20T09:00:00Z',
    updated_at: '2026-11-20T09:00:00Z',
    ...changes
  };
}

export function analysis(changes: Partial<Analysis> = {}): Analysis {
  return {
    checks: [],
    tasks: [],
    requirements: [],
    modules: [],
    missing_modules: [],
    parameters: { required: [], properties: {} },
    ...changes
  };
}

export function run(changes: Partial<Run> = {}): Run {
  return {
    id: 'r-1',
    tenant: 'oncology',
    pipeline: 'risk',
    pipeline_name: 'Risk score',
    version: 2,
    version_id: 'v-2',
    kind: 'pipeline',
    trigger: 'manual',
    requested_by: 'ada',
    state: 'succeeded',
    state_reason: null,
    cancel_requested: false,
    logical_date: '2026-11-20T09:00:00Z',
    data_interval_start: '2026-11-20T09:00:00Z',
    data_interval_end: '2026-11-20T09:00:00Z',
    parameters: {},
    metrics: {},
    goal_met: null,
    graph: [],
    attempt_count: 0,
    attempts: [],
    cell: null,
    cells: null,
    mlflow_url: null,
    created_at: '2026-11-20T09:00:00Z',
    started_at: '2026-11-20T09:00:00Z',
    ended_at: '2026-11-20T09:01:00Z',
    ...changes
  };
}
