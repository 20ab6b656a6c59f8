"""What the calendar asks: what held for a pipeline in a window, and what ran for its dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Uuid,
    and_,
    case,
    column,
    exists,
    func,
    or_,
    select,
    values,
)
from sqlalchemy.orm import Session, aliased

from galley.domain.calendar import MISSED_WORD, DateState, Window, state_of
from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.store import cursors, pauses
from galley.store.columns import UtcDateTime
from galley.store.records import PauseRow, RetentionRow
from galley.store.series import OPEN
from galley.store.tables import CHAMPION, DeploymentRow, PipelineRow, RunRow, ScheduleRow


@dataclass
class History:
    """What held for a pipeline while the window lasted, and now; each list is in order of time."""

    pipeline: PipelineRow
    wordings: list[ScheduleRow] = field(default_factory=list)
    pauses: list[PauseRow] = field(default_factory=list)
    live: list[DeploymentRow] = field(default_factory=list)
    removed_until: datetime | None = None


_Another = aliased(RunRow, name="another")

_AT_A_TIME = 1000
"""Stretches in one question: a database takes about 30,000 values in one."""


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
        .where(ScheduleRow.pipeline_id.in_(ids), _holds_or_does_now(ScheduleRow, window))
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
            _holds_or_does_now(DeploymentRow, window),
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


class Stretch(NamedTuple):
    """A time of a pipeline, [start, end), whose dates are counted by day.

    Attributes:
        asked: a schedule has firings then, or now: which dates are no firings is of interest.
    """

    pipeline_id: UUID
    start: datetime
    end: datetime
    asked: bool


class Counted(NamedTuple):
    """Dates of a stretch and a day, by their places among those given, that stand alike.

    Attributes:
        scheduled: the schedule itself has run them: they are firings of its.
        date: the only one, where it is not known whether it is a firing.
    """

    stretch: int
    day: int
    state: DateState
    number: int
    scheduled: bool
    date: datetime | None


def numbers(session: Session, pipeline_ids: Sequence[UUID], window: Window) -> dict[UUID, int]:
    """Return how many runs pipelines have in the window."""
    query = select(RunRow.pipeline_id, func.count()).where(
        RunRow.pipeline_id.in_(pipeline_ids), *_dated(window.start, window.end)
    )
    return {row[0]: row[1] for row in session.execute(query.group_by(RunRow.pipeline_id))}


def ran(session: Session, pipeline_ids: Sequence[UUID], window: Window) -> dict[UUID, list[Ran]]:
    """Return the runs of pipelines with a date in the window, oldest request first."""
    query = select(
        RunRow.pipeline_id,
        RunRow.id,
        RunRow.logical_date,
        RunRow.scheduled_at,
        RunRow.started_at,
        RunRow.state,
        RunRow.state_reason,
        RunRow.trigger,
    ).where(RunRow.pipeline_id.in_(pipeline_ids), *_dated(window.start, window.end))
    found: dict[UUID, list[Ran]] = defaultdict(list)
    for row in session.execute(query.order_by(RunRow.id)):
        found[row.pipeline_id].append(Ran(*row[1:]))
    return found


def counted(
    session: Session, stretches: Sequence[Stretch], days: Sequence[tuple[datetime, datetime]]
) -> Iterator[Counted]:
    """Yield how the dates stand: one state a date, that of the run that counts.

    Of several runs that is one that goes on, else a success, else the latest.
    """
    for first in range(0, len(stretches), _AT_A_TIME):
        for stretch, day, state, late, scheduled, unsure, number in session.execute(
            _count(stretches[first : first + _AT_A_TIME], days)
        ):
            stands = state_of(state, MISSED_WORD if late else None)
            yield Counted(first + stretch, day, stands, number, bool(scheduled), unsure)


def _count(stretches: Sequence[Stretch], days: Sequence[tuple[datetime, datetime]]) -> Select[Any]:
    place, times = (
        column("place", Integer),
        (column("start", UtcDateTime), column("until", UtcDateTime)),
    )
    stretch = (
        values(place, column("pipeline_id", Uuid), *times, column("asked", Boolean), name="stretch")
        .data([(number, *one) for number, one in enumerate(stretches)])
        .cte()
    )
    day = (
        values(place, *times, name="day")
        .data([(number, *one) for number, one in enumerate(days)])
        .cte()
    )
    start = case((stretch.c.start > day.c.start, stretch.c.start), else_=day.c.start)
    until = case((stretch.c.until < day.c.until, stretch.c.until), else_=day.c.until)
    another = (
        _Another.pipeline_id == RunRow.pipeline_id,
        _Another.logical_date == RunRow.logical_date,
        _Another.kind == RunKind.PIPELINE,
    )
    counts_more = or_(
        _weight(_Another) > _weight(RunRow),
        and_(_weight(_Another) == _weight(RunRow), _Another.id > RunRow.id),
    )
    by_schedule = exists().where(*another, _Another.trigger == TriggerKind.SCHEDULE)
    scheduled = case((or_(RunRow.trigger == TriggerKind.SCHEDULE, by_schedule), 1), else_=0)
    dates = (
        select(
            stretch.c.place,
            day.c.place.label("day"),
            RunRow.state,
            RunRow.state_reason.startswith(MISSED_WORD).label("late"),
            scheduled.label("scheduled"),
            case((and_(stretch.c.asked, scheduled == 0), RunRow.logical_date)).label("unsure"),
        )
        .join_from(stretch, day, and_(day.c.start < stretch.c.until, day.c.until > stretch.c.start))
        .join(RunRow, RunRow.pipeline_id == stretch.c.pipeline_id)
        .where(*_dated(start, until), ~exists().where(*another, counts_more))
        .subquery()
    )
    return select(*dates.c, func.count()).group_by(*dates.c)


def _weight(run: type[RunRow]) -> ColumnElement[int]:
    return case((run.state.in_(OPEN), 2), (run.state == RunState.SUCCEEDED, 1), else_=0)


def _dated(
    start: datetime | ColumnElement[datetime], end: datetime | ColumnElement[datetime]
) -> tuple[ColumnElement[bool], ...]:
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


def _holds_or_does_now(
    row: type[ScheduleRow] | type[DeploymentRow], window: Window
) -> ColumnElement[bool]:
    return or_(row.until.is_(None), and_(*_holds(row, window)))
