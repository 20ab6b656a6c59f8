"""The client: all routes of the service behind one object."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType

import httpx

from galley.client.backfills import BackfillRoutes
from galley.client.credentials import find_credentials
from galley.client.operation import OperationRoutes
from galley.client.pipelines import PipelineRoutes
from galley.client.runs import RunRoutes
from galley.client.secrets import SecretRoutes
from galley.client.transport import Transport
from galley.client.triggers import TriggerRoutes
from galley.client.versions import VersionRoutes


class Client(
    PipelineRoutes,
    VersionRoutes,
    RunRoutes,
    BackfillRoutes,
    TriggerRoutes,
    SecretRoutes,
    OperationRoutes,
):
    """Galley over HTTP, one method per route; lists come as pages.

    Args:
        url: the platform's address (``http://127.0.0.1:8000``) or the service's.
        token: a hub token: a personal one, or a single-user server's own, which may read, publish
            and run, but never approve, deploy or operate.
        timeout_s: limit for one request, seconds.
        http: transport of httpx, for tests.
        sleep: called with the pause before a retry, seconds.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 60,
        http: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(Transport(url, token, timeout_s=timeout_s, http=http, sleep=sleep))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Client:
        """Return a client with the credentials of this process.

        Raises:
            NotSignedIn: there are none.
        """
        credentials = find_credentials(environment)
        return cls(credentials.url, credentials.token)

    @property
    def url(self) -> str:
        """The service's address, without a trailing slash."""
        return self._transport.url

    def close(self) -> None:
        """Give back the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
