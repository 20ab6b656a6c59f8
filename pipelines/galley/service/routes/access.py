"""What the routes share: finding a thing for a caller, and the words of lists."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from galley.domain.runs import Run
from galley.domain.tenants import Action
from galley.domain.versions import Version
from galley.errors import NotFound
from galley.service.callers import Caller
from galley.service.context import Context
from galley.store import runs, versions

Cursor = Annotated[
    str | None, Query(max_length=500, description="`next_cursor` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="Items on one page.")]
FIFTY = 50


def the_run(context: Context, caller: Caller, run_id: UUID, action: Action = Action.READ) -> Run:
    """Return a run if the caller may do ``action`` in its tenant.

    Raises:
        NotFound: there is none, or not for this caller.
        Forbidden: the caller may only read it.
    """
    run = context.store.read(lambda s: runs.get(s, run_id))
    if run.tenant not in caller.actions:
        raise NotFound(f"There is no run {run_id}.")
    caller.require(run.tenant, action)
    return run


def the_version(
    context: Context, caller: Caller, version_id: UUID, action: Action = Action.READ
) -> Version:
    """Return a version if the caller may do ``action`` in its tenant.

    Raises:
        NotFound: there is none, or not for this caller.
        Forbidden: the caller may only read it.
    """
    version = context.store.read(lambda s: versions.get(s, version_id))
    if version.tenant not in caller.actions:
        raise NotFound(f"There is no version {version_id}.")
    caller.require(version.tenant, action)
    return version
