"""Pipelines upstream: no cycles among them, and a run once all of them have succeeded."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.tenants import Tenants
from galley.errors import InvalidInput, NotFound
from galley.schedule.firing import Key, fire
from galley.store import pipelines, trigger_successes, triggers
from galley.store.run_parameters import Interval
from galley.store.tables import PipelineRow, RunRow
from galley.store.trigger_tables import TriggerRow, TriggerSuccessRow

BATCH = 200
"""Successes that are looked at in one transaction."""


def resolve(session: Session, pipeline: PipelineRow, names: Iterable[str]) -> list[UUID]:
    """Return the pipelines called ``names``, of the same tenant.

    Raises:
        InvalidInput: there is no such pipeline, or the pipeline would come to wait for itself;
            the message names the way.
    """
    found: list[UUID] = []
    for name in names:
        try:
            found.append(pipelines.require(session, pipeline.tenant, name).id)
        except NotFound as error:
            raise InvalidInput(error.detail, field="source.pipelines") from None
    way = _way(trigger_successes.edges(session, pipeline.tenant), pipeline.id, found)
    if way:
        slugs = dict(
            session.execute(
                select(PipelineRow.id, PipelineRow.slug).where(PipelineRow.id.in_(way))
            ).all()
        )
        circle = " → ".join(slugs[one] for one in [*way, pipeline.id])
        raise InvalidInput(
            f"that would be a circle, {circle}: a pipeline cannot wait for itself. Leave one of "
            "these triggers out.",
            field="source.pipelines",
        )
    return found


def _way(
    edges: Iterable[tuple[UUID, UUID]], start: UUID, targets: Sequence[UUID]
) -> list[UUID] | None:
    """Return the shortest way downstream from ``start`` to one of ``targets``."""
    downstream: dict[UUID, list[UUID]] = defaultdict(list)
    for up, down in edges:
        downstream[up].append(down)
    came_from: dict[UUID, UUID | None] = {start: None}
    queue = deque([start])
    while queue:
        here: UUID | None = queue.popleft()
        if here in targets:
            way = []
            while here is not None:
                way.append(here)
                here = came_from[here]
            return way[::-1]
        assert here is not None
        for one in downstream[here]:
            if one not in came_from:
                came_from[one] = here
                queue.append(one)
    return None


def successes_wait(session: Session, tenants: Tenants) -> bool:
    """Return whether :func:`step` has something to do."""
    return trigger_successes.any_waits(session, tenants.tenants)


def step(session: Session, tenants: Tenants, now: datetime) -> list[UUID]:
    """Fire the triggers whose last pipeline upstream has succeeded; return the runs' ids.

    The run's key holds the logical date: a date that upstream runs again fires once.
    """
    queued = []
    for success in trigger_successes.waiting(session, tenants.tenants, BATCH):
        run_id = _look(session, tenants, success, now)
        if run_id is not None:
            queued.append(run_id)
        session.delete(success)
    session.flush()
    return queued


def _look(
    session: Session, tenants: Tenants, success: TriggerSuccessRow, now: datetime
) -> UUID | None:
    """Fire, as the trigger is worded now: it may have changed since the success."""
    noted = session.get_one(TriggerRow, success.trigger_id)
    row = triggers.by_series(session, noted.series)
    run = session.get(RunRow, success.run_id)
    if row is None or row.paused or run is None:
        return None
    upstream = trigger_successes.upstream_of(session, row.id)
    if run.pipeline_id not in upstream:
        return None
    done = trigger_successes.succeeded(session, upstream, run.logical_date)
    if len(done) < len(upstream):
        return None  # The success of the one that is missing will be looked at too.
    slugs = session.execute(
        select(PipelineRow.id, PipelineRow.slug).where(PipelineRow.id.in_(done))
    )
    return fire(
        session,
        row,
        tenants.tenants[row.tenant],
        Key(row.series, run.logical_date),
        Interval(run.logical_date, run.data_interval_start, run.data_interval_end),
        {"upstream": {slug: str(done[pipeline]) for pipeline, slug in slugs}},
        now,
    )
