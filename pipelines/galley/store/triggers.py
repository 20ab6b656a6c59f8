"""Triggers: the wordings in force, and how they change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from galley.domain.events import EventKind
from galley.domain.triggers import (
    FileSource,
    FileWatch,
    Source,
    Trigger,
    TriggerChange,
    TriggerType,
    UpstreamSource,
)
from galley.errors import NotFound
from galley.store import audit, events, pipelines, trigger_firings
from galley.store.columns import new_id
from galley.store.tables import PipelineRow
from galley.store.trigger_tables import (
    TriggerRow,
    TriggerUpstreamRow,
    TriggerWatchRow,
)

_SOURCE: TypeAdapter[Source] = TypeAdapter(Source)
_VERSION_SHOWN = 12


def source_of(row: TriggerRow) -> Source:
    """Return what a trigger watches."""
    return _SOURCE.validate_python(row.source)


def find(session: Session, pipeline_id: UUID, name: str) -> TriggerRow | None:
    """Return the wording in force of a pipeline's trigger, or None."""
    return session.scalar(
        select(TriggerRow).where(
            TriggerRow.pipeline_id == pipeline_id,
            TriggerRow.name == name,
            TriggerRow.until.is_(None),
        )
    )


def require(session: Session, pipeline: PipelineRow, name: str) -> TriggerRow:
    """Return the wording in force of a pipeline's trigger; raises NotFound."""
    row = find(session, pipeline.id, name)
    if row is None:
        raise NotFound(f"The pipeline {pipeline.slug!r} has no trigger {name[:100]!r}.")
    return row


def latest(session: Session, pipeline: PipelineRow, name: str) -> TriggerRow:
    """Return the last wording of a pipeline's trigger, removed or not; raises NotFound."""
    row = session.scalar(
        select(TriggerRow)
        .where(TriggerRow.pipeline_id == pipeline.id, TriggerRow.name == name)
        .order_by(TriggerRow.until.is_(None).desc(), TriggerRow.id.desc())
        .limit(1)
    )
    return row or require(session, pipeline, name)


def by_series(session: Session, series: UUID) -> TriggerRow | None:
    """Return the wording in force of a trigger, or None."""
    return session.scalar(
        select(TriggerRow).where(TriggerRow.series == series, TriggerRow.until.is_(None))
    )


def of_tenant(session: Session, tenant: str, *, pipeline: str | None = None) -> list[Trigger]:
    """Return the triggers in force of a tenant or of one pipeline, by pipeline and name.

    Raises:
        NotFound: ``pipeline`` names none of the tenant's.
    """
    query = (
        select(TriggerRow)
        .join(PipelineRow, PipelineRow.id == TriggerRow.pipeline_id)
        .where(TriggerRow.tenant == tenant, TriggerRow.until.is_(None))
        .order_by(PipelineRow.slug, TriggerRow.name)
    )
    if pipeline is not None:
        found = pipelines.require(session, tenant, pipeline)
        query = query.where(TriggerRow.pipeline_id == found.id)
    return models(session, session.scalars(query).all())


def count(session: Session, pipeline_id: UUID) -> int:
    """Return how many triggers of a pipeline are in force."""
    query = (
        select(func.count())
        .select_from(TriggerRow)
        .where(TriggerRow.pipeline_id == pipeline_id, TriggerRow.until.is_(None))
    )
    return session.scalar(query) or 0


def put_in_force(
    session: Session,
    pipeline: PipelineRow,
    name: str,
    change: TriggerChange,
    upstream: Sequence[UUID],
    by: str,
    now: datetime,
) -> TriggerRow:
    """Make ``change`` the wording from ``now`` on; a paused trigger stays paused.

    A wording that says the same stays as it is, and one that watches the same file goes on with
    what was seen of it, so that no change of the file gets lost.

    Args:
        upstream: the pipelines that the source names.
    """
    before = find(session, pipeline.id, name)
    if before is not None:
        if _change_of(before) == change:
            return before
        before.until = now
        session.flush()
    row = TriggerRow(
        id=new_id(),
        series=before.series if before is not None else new_id(),
        pipeline_id=pipeline.id,
        tenant=pipeline.tenant,
        name=name,
        type=TriggerType(change.source.type),
        source=change.source.model_dump(mode="json"),
        parameters=change.parameters,
        deadline_s=change.deadline_s,
        paused=before is not None and before.paused,
        paused_by=before.paused_by if before is not None else None,
        since=now,
        set_by=by,
    )
    session.add(row)
    session.flush()
    session.add_all(TriggerUpstreamRow(trigger_id=row.id, pipeline_id=one) for one in upstream)
    if isinstance(change.source, FileSource):
        _watch_on(session, before, row, change.source, now)
    session.flush()
    changed(session, pipeline, row, "trigger.set", by, change.model_dump(mode="json"), now)
    return row


def _change_of(row: TriggerRow) -> TriggerChange:
    return TriggerChange(
        source=source_of(row), parameters=row.parameters, deadline_s=row.deadline_s
    )


def _watch_on(
    session: Session, before: TriggerRow | None, row: TriggerRow, source: FileSource, now: datetime
) -> None:
    """Begin to watch a file, or go on with it from the wording before."""
    watch = None if before is None else session.get(TriggerWatchRow, before.id)
    same = before is not None and before.source["url"] == source.url
    if watch is None or not same:
        session.add(TriggerWatchRow(trigger_id=row.id, since=now, next_poll=now))
    if watch is not None and same:
        watch.trigger_id, watch.next_poll = row.id, now
    elif watch is not None:
        session.delete(watch)


def pause(session: Session, pipeline: PipelineRow, row: TriggerRow, by: str, now: datetime) -> None:
    """Stop firing; nothing of this time is caught up later."""
    row.paused, row.paused_by = True, by
    session.flush()
    changed(session, pipeline, row, "trigger.paused", by, {}, now)


def resume(
    session: Session, pipeline: PipelineRow, row: TriggerRow, by: str, now: datetime
) -> None:
    """Fire again, upon what happens after ``now``: a file's version is taken anew."""
    row.paused, row.paused_by = False, None
    watch = session.get(TriggerWatchRow, row.id)
    if watch is not None:
        watch.version = watch.candidate = watch.polled_at = watch.error = None
        watch.seen, watch.failures, watch.since, watch.next_poll = False, 0, now, now
    session.flush()
    changed(session, pipeline, row, "trigger.resumed", by, {}, now)


def end(session: Session, pipeline: PipelineRow, row: TriggerRow, by: str, now: datetime) -> None:
    """Take a trigger out of force; its wordings and firings are kept."""
    row.until = now
    session.execute(delete(TriggerWatchRow).where(TriggerWatchRow.trigger_id == row.id))
    session.flush()
    changed(session, pipeline, row, "trigger.removed", by, {}, now)


def changed(
    session: Session,
    pipeline: PipelineRow,
    row: TriggerRow,
    action: str,
    by: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    """Append the event and the audit line of a change of a trigger, or of a firing."""
    audit.append(
        session,
        tenant=row.tenant,
        actor=by,
        action=action,
        subject=f"pipeline/{pipeline.slug}/triggers/{row.name}",
        detail={"trigger": str(row.series), **detail},
        now=now,
    )
    tell(session, pipeline, row, action.removeprefix("trigger."), now)


def tell(
    session: Session, pipeline: PipelineRow, row: TriggerRow, change: str, now: datetime
) -> None:
    """Append the event that something is new about a trigger."""
    events.append(
        session,
        tenant=row.tenant,
        kind=EventKind.TRIGGER_CHANGED,
        subject=row.series,
        pipeline=pipeline.slug,
        data={"change": change, "name": row.name, "paused": row.paused},
        now=now,
    )


def get(session: Session, row: TriggerRow) -> Trigger:
    """Return a row as its model."""
    return models(session, [row])[0]


def models(session: Session, rows: Sequence[TriggerRow]) -> list[Trigger]:
    """Return rows as models, with a fixed number of queries."""
    slugs = dict(
        session.execute(
            select(PipelineRow.id, PipelineRow.slug).where(
                PipelineRow.id.in_({row.pipeline_id for row in rows})
            )
        ).all()
    )
    fired = trigger_firings.last(session, [row.id for row in rows])
    watches = {
        watch.trigger_id: watch
        for watch in session.scalars(
            select(TriggerWatchRow).where(TriggerWatchRow.trigger_id.in_([row.id for row in rows]))
        )
    }
    return [
        Trigger(
            id=row.series,
            tenant=row.tenant,
            pipeline=slugs[row.pipeline_id],
            name=row.name,
            source=source_of(row),
            parameters=row.parameters,
            deadline_s=row.deadline_s,
            paused=row.paused,
            paused_by=row.paused_by,
            hook=f"/hooks/{row.series}" if row.type is TriggerType.WEBHOOK else None,
            watch=_watch(watches.get(row.id)),
            last_fired=fired.get(row.series),
            since=row.since,
            set_by=row.set_by,
        )
        for row in rows
    ]


def _watch(row: TriggerWatchRow | None) -> FileWatch | None:
    if row is None:
        return None
    return FileWatch(
        version=row.version and row.version[:_VERSION_SHOWN],
        polled_at=row.polled_at,
        next_poll=row.next_poll,
        failures=row.failures,
        error=row.error,
    )


def upstream_names(source: Source) -> tuple[str, ...]:
    """Return the pipelines that a source names, each once."""
    return tuple(dict.fromkeys(source.pipelines)) if isinstance(source, UpstreamSource) else ()
