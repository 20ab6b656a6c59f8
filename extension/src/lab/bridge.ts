/** The bridge's own routes: where it leads, and saved notebooks. */
import { request, type ITransport } from '../api/transport';
import { newKey } from '../api/client';
import type { Analysis, PublishFields, Version } from '../api/types';

export interface IConnection {
  tenant: string;
}

export class Bridge {
  constructor(private readonly transport: ITransport) {}

  connection = () => request<IConnection>(this.transport, 'GET', 'connection');

  /** What reading the notebook saved at `path` tells; nothing of it is run. */
  analyse = (path: string) => request<Analysis>(this.transport, 'POST', 'analyse', { path });

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
