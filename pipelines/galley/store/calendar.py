"""What the calendar asks: what held for a pipeline in a window, and what ran for its dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from galley.domain.calendar import MISSED_WORD, DateState, Window, state_of
from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.store import cursors, pauses
from galley.store.records import PauseRow, RetentionRow
from galley.store.tables import CHAMPION, DeploymentRow, PipelineRow, RunRow, ScheduleRow


@dataclass
class History:
    """What held for a pipeline while the window lasted; each list is in order of time."""

    pipeline: PipelineRow
    wordings: list[ScheduleRow] = field(default_factory=list)
    pauses: list[PauseRow] = field(default_factory=list)
    live: list[DeploymentRow] = field(default_factory=list)
    removed_until: datetime | None = None


class Ran(NamedTuple):
    """A run of a date."""

    id: UUID
    logical_date: datetime
    scheduled_at: datetime
    started_at: datetime | None
    state: RunState
    reason: str | None
    trigger: TriggerKind


def page(
    session: Session, tenant: str, window: Window, cursor: str | None, limit: int
) -> list[PipelineRow]:
    """Return the next pipelines that have a schedule or runs in the window, one more than limit.

    They come in the order of their slugs.
    """
    scheduled = select(ScheduleRow.id).where(
        ScheduleRow.pipeline_id == PipelineRow.id, *_holds(ScheduleRow, window)
    )
    ran = select(RunRow.id).where(
        RunRow.pipeline_id == PipelineRow.id, *_dated(window.start, window.end)
    )
    query = (
        select(PipelineRow)
        .where(PipelineRow.tenant == tenant, or_(scheduled.exists(), ran.exists()))
        .order_by(PipelineRow.slug)
        .limit(limit + 1)
    )
    if cursor is not None:
        query = query.where(PipelineRow.slug > cursors.decode(cursor))
    return list(session.scalars(query))


def histories(session: Session, rows: Sequence[PipelineRow], window: Window) -> list[History]:
    """Return what held for each pipeline, with a fixed number of queries."""
    ids = [row.id for row in rows]
    wordings: dict[UUID, list[ScheduleRow]] = defaultdict(list)
    for wording in session.scalars(
        select(ScheduleRow)
        .where(ScheduleRow.pipeline_id.in_(ids), *_holds(ScheduleRow, window))
        .order_by(ScheduleRow.since)
    ):
        wordings[wording.pipeline_id].append(wording)
    rests: dict[UUID, list[PauseRow]] = defaultdict(list)
    for pause in pauses.overlapping(session, ids, window.start, window.end):
        rests[pause.pipeline_id].append(pause)
    live: dict[UUID, list[DeploymentRow]] = defaultdict(list)
    for deployment in session.scalars(
        select(DeploymentRow)
        .where(
            DeploymentRow.pipeline_id.in_(ids),
            DeploymentRow.role == CHAMPION,
            *_holds(DeploymentRow, window),
        )
        .order_by(DeploymentRow.since)
    ):
        live[deployment.pipeline_id].append(deployment)
    removed = {
        kept.pipeline_id: kept.removed_until
        for kept in session.scalars(select(RetentionRow).where(RetentionRow.pipeline_id.in_(ids)))
    }
    return [
        History(row, wordings[row.id], rests[row.id], live[row.id], removed.get(row.id))
        for row in rows
    ]


def ran(
    session: Session, pipeline_id: UUID, start: datetime, end: datetime, limit: int
) -> list[Ran]:
    """Return the runs with a logical date in [start, end), oldest request first.

    One more than ``limit`` at most: then there are too many to list.
    """
    query = select(
        RunRow.id,
        RunRow.logical_date,
        RunRow.scheduled_at,
        RunRow.started_at,
        RunRow.state,
        RunRow.state_reason,
        RunRow.trigger,
    ).where(RunRow.pipeline_id == pipeline_id, *_dated(start, end))
    found = [Ran(*row) for row in session.execute(query.limit(limit + 1))]
    return sorted(found, key=lambda run: run.id)


def counted(
    session: Session, pipeline_id: UUID, start: datetime, end: datetime
) -> dict[DateState, int]:
    """Return how many dates in [start, end) have a run in each state."""
    late = RunRow.state_reason.startswith(MISSED_WORD)
    query = select(RunRow.state, late, func.count(RunRow.logical_date.distinct())).where(
        RunRow.pipeline_id == pipeline_id, *_dated(start, end)
    )
    counts: dict[DateState, int] = defaultdict(int)
    for state, missed, number in session.execute(query.group_by(RunRow.state, late)):
        counts[state_of(state, MISSED_WORD if missed else None)] += number
    return dict(counts)


def covered(session: Session, pipeline_id: UUID, start: datetime, end: datetime) -> int:
    """Return how many dates in [start, end) have a run that nobody asked for by hand."""
    query = select(func.count(RunRow.logical_date.distinct())).where(
        RunRow.pipeline_id == pipeline_id,
        RunRow.trigger != TriggerKind.MANUAL,
        *_dated(start, end),
    )
    return session.scalar(query) or 0


def _dated(start: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a run is of a date in [start, end), with the tenant's rights."""
    return (
        RunRow.kind == RunKind.PIPELINE,
        RunRow.logical_date >= start,
        RunRow.logical_date < end,
    )


def _holds(
    row: type[ScheduleRow] | type[DeploymentRow], window: Window
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a row held at some time of the window."""
    return row.since < window.end, or_(row.until.is_(None), row.until >= window.start)
