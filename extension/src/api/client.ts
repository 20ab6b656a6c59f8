/** One method per REST route that the pages use. */
import { request, withQuery, type ITransport, type Query } from './transport';
import type {
  AttemptUsage,
  Calendar,
  DiskUse,
  Drain,
  Backfill,
  BackfillPlan,
  BackfillRequest,
  DecisionRequest,
  Firing,
  ILogChunk,
  IMe,
  INotebook,
  IPage,
  ISchedulePreview,
  ISlugAnswer,
  KeptFile,
  LiveComparison,
  LiveState,
  Pipeline,
  PreviewRequest,
  RetentionReport,
  Run,
  RunComparison,
  RunRequest,
  ScheduleRequest,
  SecretInfo,
  SecretRequest,
  Trigger,
  TriggerChange,
  TriggerFiring,
  TriggerMade,
  TriggerRequest,
  Version,
  VersionDiff
} from './types';

const enc = encodeURIComponent;

export class Client {
  constructor(readonly transport: ITransport) {}

  me = () => this.get<IMe>('me');
  disk = (tenant: string) => this.get<DiskUse>(`tenants/${enc(tenant)}/disk`);
  /** What the policies of a tenant would remove now. */
  retention = (tenant: string) => this.get<RetentionReport>(`tenants/${enc(tenant)}/retention`);
  drains = () => this.get<Drain[]>('drains');
  timezones = () => this.get<string[]>('timezones');

  slug = (tenant: string, slug: string) =>
    this.get<ISlugAnswer>(`tenants/${enc(tenant)}/slugs/${enc(slug)}`);
  previewSchedule = (
    cron: string,
    timezone: string,
    count = 5,
    rules: Partial<PreviewRequest> = {}
  ) => this.post<ISchedulePreview>('schedules/preview', { ...rules, cron, timezone, count }, false);

  pipelines = (tenant: string, query: Query = {}) =>
    this.get<IPage<Pipeline>>(`tenants/${enc(tenant)}/pipelines`, query);
  pipeline = (tenant: string, slug: string) => this.get<Pipeline>(pipelinePath(tenant, slug));
  versions = (tenant: string, slug: string, query: Query = {}) =>
    this.get<IPage<Version>>(`${pipelinePath(tenant, slug)}/versions`, query);
  deploy = (tenant: string, slug: string, version: number, reason: string) =>
    this.post<Pipeline>(`${pipelinePath(tenant, slug)}/deployments`, { version, reason });
  calendar = (tenant: string, slug: string | undefined, query: Query = {}) =>
    this.get<Calendar>(
      `${slug === undefined ? `tenants/${enc(tenant)}` : pipelinePath(tenant, slug)}/calendar`,
      query
    );
  nextFirings = (tenant: string, slug: string, count = 5) =>
    this.get<{ firings: Firing[] }>(`${pipelinePath(tenant, slug)}/schedule/next`, { count });
  setSchedule = (tenant: string, slug: string, schedule: ScheduleRequest) =>
    request<Pipeline>(this.transport, 'PUT', `${pipelinePath(tenant, slug)}/schedule`, schedule);
  pause = (tenant: string, slug: string) =>
    this.post<Pipeline>(`${pipelinePath(tenant, slug)}/schedule/pause`);
  resume = (tenant: string, slug: string) =>
    this.post<Pipeline>(`${pipelinePath(tenant, slug)}/schedule/resume`);

  version = (id: string) => this.get<Version>(`versions/${enc(id)}`);
  versionNotebook = (id: string) => this.get<INotebook>(`versions/${enc(id)}/notebook`);
  versionDiff = (id: string, against: number | 'live') =>
    this.get<VersionDiff>(`versions/${enc(id)}/diff`, { against });
  withdraw = (id: string) => this.post<Version>(`versions/${enc(id)}/withdraw`);
  /** What a session has that the clean run of a version has not. */
  compareLive = (id: string, state: LiveState) =>
    this.post<LiveComparison>(`versions/${enc(id)}/live`, state, false);
  decide = (id: string, decision: DecisionRequest) =>
    this.post<Version>(`versions/${enc(id)}/decisions`, decision);
  rehearsalUrl = (id: string) => this.transport.url(`versions/${enc(id)}/rehearsal`);
  exportUrl = (id: string) => this.transport.url(`versions/${enc(id)}/export`);

  run = (id: string) => this.get<Run>(`runs/${enc(id)}`);
  runs = (tenant: string, query: Query = {}) =>
    this.get<IPage<Run>>(`tenants/${enc(tenant)}/runs`, query);
  startRun = (tenant: string, slug: string, run: RunRequest) =>
    this.post<Run>(`${pipelinePath(tenant, slug)}/runs`, run);
  /** Try a version in any state with one's own rights. */
  startTrial = (tenant: string, slug: string, run: RunRequest) =>
    this.post<Run>(`${pipelinePath(tenant, slug)}/trials`, run);
  /** Two runs side by side; without a left one, the successful run before the right one. */
  compareRuns = (left: string | null, right: string) =>
    this.get<RunComparison>('runs/compare', { left, right });
  comparedOutputsUrl = (left: string, right: string) =>
    this.transport.url(withQuery('runs/compare/outputs', { left, right }));
  cancelRun = (id: string) => this.post<Run>(`runs/${enc(id)}/cancel`);
  retryRun = (id: string) => this.post<Run>(`runs/${enc(id)}/retry`);
  log = (id: string, attempt: number, offset: number, limit = 262144) =>
    this.get<ILogChunk>(`runs/${enc(id)}/log`, { attempt, offset, limit });
  logUrl = (id: string, attempt: number) =>
    this.transport.url(`runs/${enc(id)}/attempts/${attempt}/log`);
  files = (id: string, attempt: number) =>
    this.get<KeptFile[]>(`runs/${enc(id)}/files`, { attempt });
  fileUrl = (id: string, attempt: number, name: string) =>
    this.transport.url(withQuery(`runs/${enc(id)}/files/${enc(name)}`, { attempt }));
  resources = (id: string, attempt: number, after: string | null = null) =>
    this.get<AttemptUsage>(`runs/${enc(id)}/attempts/${attempt}/resources`, { after });
  taskNotebook = (id: string, task: string, attempt: number) =>
    this.get<INotebook>(`runs/${enc(id)}/tasks/${enc(task)}/notebook`, {
      attempt,
      format: 'ipynb'
    });
  taskNotebookUrl = (id: string, task: string, attempt: number, format: 'html' | 'ipynb') =>
    this.transport.url(
      withQuery(`runs/${enc(id)}/tasks/${enc(task)}/notebook`, { attempt, format })
    );

  planBackfill = (tenant: string, slug: string, order: BackfillRequest) =>
    this.post<BackfillPlan>(`${pipelinePath(tenant, slug)}/backfills/plan`, order, false);
  startBackfill = (tenant: string, slug: string, order: BackfillRequest) =>
    this.post<Backfill>(`${pipelinePath(tenant, slug)}/backfills`, order);
  backfills = (tenant: string, slug: string, query: Query = {}) =>
    this.get<IPage<Backfill>>(`${pipelinePath(tenant, slug)}/backfills`, query);
  pauseBackfill = (id: string) => this.post<Backfill>(`backfills/${enc(id)}/pause`);
  resumeBackfill = (id: string) => this.post<Backfill>(`backfills/${enc(id)}/resume`);
  cancelBackfill = (id: string) => this.post<Backfill>(`backfills/${enc(id)}/cancel`);

  triggers = (tenant: string, slug: string) =>
    this.get<IPage<Trigger>>(`${pipelinePath(tenant, slug)}/triggers`);
  addTrigger = (tenant: string, slug: string, trigger: TriggerRequest) =>
    this.post<TriggerMade>(`${pipelinePath(tenant, slug)}/triggers`, trigger, false);
  changeTrigger = (tenant: string, slug: string, name: string, change: TriggerChange) =>
    request<Trigger>(this.transport, 'PUT', triggerPath(tenant, slug, name), change);
  removeTrigger = (tenant: string, slug: string, name: string) =>
    request<undefined>(this.transport, 'DELETE', triggerPath(tenant, slug, name));
  renewTriggerSecret = (tenant: string, slug: string, name: string) =>
    this.post<TriggerMade>(`${triggerPath(tenant, slug, name)}/secret`, {}, false);
  triggerFirings = (tenant: string, slug: string, name: string, query: Query = {}) =>
    this.get<IPage<TriggerFiring>>(`${triggerPath(tenant, slug, name)}/firings`, query);
  pauseTrigger = (tenant: string, slug: string, name: string) =>
    this.post<Trigger>(`${triggerPath(tenant, slug, name)}/pause`);
  resumeTrigger = (tenant: string, slug: string, name: string) =>
    this.post<Trigger>(`${triggerPath(tenant, slug, name)}/resume`);

  secrets = (tenant: string) => this.get<IPage<SecretInfo>>(`tenants/${enc(tenant)}/secrets`);
  setSecret = (tenant: string, name: string, secret: SecretRequest, personal: boolean) =>
    request<SecretInfo>(this.transport, 'PUT', secretPath(tenant, name, personal), secret);
  deleteSecret = (tenant: string, name: string, personal: boolean) =>
    request<undefined>(this.transport, 'DELETE', secretPath(tenant, name, personal));

  reviews = (query: Query = {}) => this.get<IPage<Version>>('reviews', query);
  tenantReviews = (tenant: string, query: Query = {}) =>
    this.get<IPage<Version>>(`tenants/${enc(tenant)}/reviews`, query);

  private get<T>(path: string, query: Query = {}): Promise<T> {
    return request<T>(this.transport, 'GET', withQuery(path, query));
  }

  private post<T>(path: string, body: unknown = {}, creates = true): Promise<T> {
    const headers: Record<string, string> = creates ? { 'Idempotency-Key': newKey() } : {};
    return request<T>(this.transport, 'POST', path, body, headers);
  }
}

function pipelinePath(tenant: string, slug: string): string {
  return `tenants/${enc(tenant)}/pipelines/${enc(slug)}`;
}

function triggerPath(tenant: string, slug: string, name: string): string {
  return `${pipelinePath(tenant, slug)}/triggers/${enc(name)}`;
}

function secretPath(tenant: string, name: string, personal: boolean): string {
  return `tenants/${enc(tenant)}/${personal ? 'personal-secrets' : 'secrets'}/${enc(name)}`;
}

/** A key under which a repeated request is recognised (`randomUUID` needs a secure context). */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte =>
    byte.toString(16).padStart(2, '0')
  ).join('');
}
