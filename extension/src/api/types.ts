/** Names for the wire models; the shapes come from the service's OpenAPI document. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Analysis = Schemas['Analysis'];
export type Attempt = Schemas['Attempt'];
export type AttemptState = Schemas['AttemptState'];
export type AttemptUsage = Schemas['AttemptUsage'];
export type AuditEntry = Schemas['AuditEntry'];
export type Calendar = Schemas['Calendar'];
export type CalendarEntry = Schemas['CalendarEntry'];
export type CalendarGroup = Schemas['CalendarGroup'];
export type Backfill = Schemas['Backfill'];
export type BackfillPlan = Schemas['BackfillPlan'];
export type BackfillRequest = Schemas['BackfillRequest'];
export type BackfillState = Schemas['BackfillState'];
export type CellDiff = Schemas['CellDiff'];
export type CellError = Schemas['CellError'];
export type Check = Schemas['Check'];
export type ClockChange = Schemas['ClockChange'];
export type ComparedTime = Schemas['ComparedTime'];
export type Crossing = Schemas['Crossing'];
export type DateState = Schemas['DateState'];
export type DebugPlan = Schemas['DebugPlan'];
export type DecisionRequest = Schemas['DecisionRequest'];
export type Difference = Schemas['Difference'];
export type DiskUse = Schemas['DiskUse'];
export type Drain = Schemas['Drain'];
export type Evidence = Schemas['Evidence'];
export type FailureClass = Schemas['FailureClass'];
export type FieldDiff = Schemas['FieldDiff'];
export type FileUse = Schemas['FileUse'];
export type Firing = Schemas['Firing'];
export type GalleyEvent = Schemas['Event'];
export type Gate = Schemas['Gate'];
export type GateStatus = Schemas['GateStatus'];
export type Goal = Schemas['Goal'];
export type KeptFile = Schemas['KeptFile'];
export type LiveCell = Schemas['LiveCell'];
export type LiveComparison = Schemas['LiveComparison'];
export type LiveState = Schemas['LiveState'];
export type Merge = Schemas['Merge'];
export type ParameterSchema = Schemas['ParameterSchema'];
export type Pipeline = Schemas['Pipeline'];
export type SecretInfo = Schemas['SecretInfo'];
export type SecretRequest = Schemas['SecretRequest'];
export type PlannedTask = Schemas['PlannedTask'];
export type Proof = Schemas['Proof'];
export type RetentionPolicy = Schemas['RetentionPolicy'];
export type RetentionReport = Schemas['RetentionReport'];
export type Run = Schemas['Run'];
export type RunComparison = Schemas['RunComparison'];
export type RunState = Schemas['RunState'];
export type Schedule = Schemas['Schedule'];
export type Severity = Schemas['Severity'];
export type SplitLayout = Schemas['SplitLayout'];
export type SplitPlan = Schemas['SplitPlan'];
export type Standing = Schemas['Standing'];
export type TaskLayout = Schemas['TaskLayout'];
export type TaskNode = Schemas['TaskNode'];
export type TaskState = Schemas['TaskState'];
export type TaskTry = Schemas['TaskTry'];
export type Trigger = Schemas['Trigger'];
export type TriggerFiring = Schemas['TriggerFiring'];
export type TriggerMade = Schemas['TriggerMade'];
export type TriggerSource = Trigger['source'];
export type Usage = Schemas['Usage'];
export type Version = Schemas['Version'];
export type VersionDiff = Schemas['VersionDiff'];
export type VersionState = Schemas['VersionState'];

/** What is asked of the service: whatever has a default may be left out. */
export type RunRequest = Partial<Schemas['RunRequest']>;
export type ScheduleRequest = Pick<Schemas['ScheduleRequest'], 'cron'> &
  Partial<Schemas['ScheduleRequest']>;
export type TriggerRequest = Schemas['TriggerRequest'];
export type TriggerChange = Schemas['TriggerChange'];
export type PreviewRequest = Pick<Schemas['PreviewRequest'], 'cron'> &
  Partial<Schemas['PreviewRequest']>;

/** What the publish dialog sends: the bridge adds the notebook and its local modules. */
export type PublishFields = Omit<Schemas['PublishRequest'], 'notebook' | 'modules' | 'schedule'> & {
  schedule: ScheduleRequest | null;
};

export interface IPage<T> {
  items: T[];
  next_cursor?: string | null;
}

export type Action = Schemas['Action'];
export type IProfile = Schemas['ProfileView'];
export type ITenant = Schemas['TenantView'];
export type IMe = Schemas['Me'];
export type ISlugAnswer = Schemas['SlugStatus'];
export type ISchedulePreview = Schemas['SchedulePreview'];
export type ILogChunk = Schemas['LogChunk'];

/** A cell of an nbformat 4 document, as far as this code looks into it. */
export interface INotebookCell {
  cell_type: string;
  source: string | string[];
  id?: string;
  metadata?: { galley?: { cell?: number }; [key: string]: unknown };
}

export interface INotebook {
  cells: INotebookCell[];
}
