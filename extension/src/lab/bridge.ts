/** The bridge's own routes: where it leads, and saved notebooks. */
import { request, type ITransport } from '../api/transport';
import { newKey } from '../api/client';
import { Problem } from '../api/problem';
import type { Analysis, DebugPlan, PublishFields, SplitLayout, Version } from '../api/types';

export interface IConnection {
  tenant: string;
}

export interface IDebugAttempt {
  run: string;
  attempt: number;
  task: string | null;
}

export class Bridge {
  constructor(private readonly transport: ITransport) {}

  connection = () => request<IConnection>(this.transport, 'GET', 'connection');

  /** What reading the notebook saved at `path` tells; nothing of it is run. */
  analyse = (path: string, layout: SplitLayout | null = null) =>
    request<Analysis>(this.transport, 'POST', 'analyse', { path, layout });

  /** What debugging an attempt here means; `write` does it. */
  debug = (attempt: IDebugAttempt, write = false, replace = false) =>
    request<DebugPlan>(this.transport, 'POST', 'debug', { ...attempt, write, replace });

  /** Make the environment of an attempt's run here; answers with what debugging it means then. */
  makeEnvironment = (attempt: IDebugAttempt) =>
    request<DebugPlan>(this.transport, 'POST', 'debug', { ...attempt, environment: true });

  /** Python source of what takes the fingerprint of a namespace. */
  fingerprint = async (): Promise<string> => {
    const answer = await this.transport.fetch('fingerprint');
    if (!answer.ok) {
      throw await Problem.of(answer);
    }
    return answer.text();
  };

  /** Publish the notebook saved at `path` as the next version of `slug`. */
  publish = (path: string, slug: string, fields: PublishFields) =>
    request<Version>(
      this.transport,
      'POST',
      'publish',
      { path, slug, request: fields },
      { 'Idempotency-Key': newKey() }
    );
}
