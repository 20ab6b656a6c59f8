/** Requests to the bridge of this Jupyter server, which knows the service and its token. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { ITransport } from '../api/transport';

export class LabTransport implements ITransport {
  /** @param root - "api/v1" for the service's own routes; empty for the bridge's. */
  constructor(
    private readonly settings: ServerConnection.ISettings,
    private readonly root: string
  ) {}

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    // JupyterLab makes every address unique to defeat caches; the bridge forbids caching instead.
    return ServerConnection.makeRequest(
      this.url(path),
      { cache: 'default', ...init },
      this.settings
    );
  }

  url(path: string): string {
    return URLExt.join(this.settings.baseUrl, 'galley', this.root, path);
  }
}
