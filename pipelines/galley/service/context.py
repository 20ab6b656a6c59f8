"""What the composition root hands to every handler and loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from galley.domain.settings import Settings
from galley.domain.tenants import Limits, Tenant, Tenants
from galley.errors import NotFound
from galley.launcher import Launcher
from galley.registry.blobs import Blobs
from galley.service.artifacts import Artifacts
from galley.service.callers import Caller
from galley.service.claims import Claims
from galley.service.feed import Feed
from galley.service.keeping import Keeper
from galley.service.logs import Logs
from galley.service.loops import Loop
from galley.service.metrics import Metrics
from galley.service.mlflow.guard import Guard
from galley.service.mlflow.proxy import MlflowProxy
from galley.service.rendering import Renderer
from galley.service.resources import Resources
from galley.service.sessions import Sessions
from galley.store import Store
from galley.vault import Vault


@dataclass(frozen=True)
class Context:
    """The collaborators of one service.

    Attributes:
        clock: the current instant, zone-aware.
        monotonic: seconds, for waiting.
        stopping: set once the service is to end: who waits for something is answered.
    """

    settings: Settings
    tenants: Callable[[], Tenants]
    store: Store
    blobs: Blobs
    launcher: Launcher
    sessions: Sessions
    mlflow_sessions: Sessions
    mlflow: MlflowProxy
    mlflow_guard: Guard
    feed: Feed
    logs: Logs
    resources: Resources
    artifacts: Artifacts
    keeper: Keeper
    renderer: Renderer
    vault: Vault
    claims: Claims
    metrics: Metrics
    loops: tuple[Loop, ...]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    stopping: threading.Event = field(default_factory=threading.Event)

    def tenant(self, name: str) -> Tenant:
        """Return a tenant's declaration.

        Raises:
            NotFound: the operator has taken it out of the file.
        """
        tenant = self.tenants().tenants.get(name)
        if tenant is None:
            raise NotFound(f"there is no tenant {name!r} (any more)")
        return tenant

    def artifacts_limit(self, tenant: str) -> int:
        """Return how much a tenant may keep, bytes of all runs together.

        Its attempts keep what they make while it is out of the file, up to the default.
        """
        declared = self.tenants().tenants.get(tenant)
        return (Limits() if declared is None else declared.limits).artifacts


def context_of(request: Request) -> Context:
    """Return the context of the service that handles ``request``."""
    context: Context = request.app.state.context
    return context


InContext = Annotated[Context, Depends(context_of)]


async def _caller(request: Request) -> Caller:
    return await context_of(request).sessions.caller(request)


TheCaller = Annotated[Caller, Depends(_caller)]
SignedIn = Depends(_caller)
"""For routes that any known caller may use."""
