"""The runs of one schedule, in the order of their firings: which wait for which.

Glossary
    series       the runs that one schedule has asked for, over all its wordings
    open         not ended: queued, launching or running
    predecessor  the run of the firing before; what was skipped or cancelled is passed over
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.domain.schedules import Overlap
from galley.store import run_arrows
from galley.store.columns import literally
from galley.store.tables import RunRow

ACTIVE = (RunState.LAUNCHING, RunState.RUNNING)
OPEN = (RunState.QUEUED, *ACTIVE)
PASSED_OVER = (RunState.SKIPPED, RunState.CANCELLED)

_Other = aliased(RunRow, name="other")


def out_of_line() -> ColumnElement[bool]:
    """Return the condition that a queued run need not let another of its series end first."""
    waits = (Overlap.QUEUE, Overlap.CANCEL_PREVIOUS)
    return or_(RunRow.overlap.is_(None), RunRow.overlap.not_in(waits), ~another_goes_on())


def another_goes_on() -> ColumnElement[bool]:
    """Return the condition that :func:`going_on` finds another run of a run's series.

    The statement says nothing of the trigger, which the series' id decides, so that the database
    takes the index of the open runs and not that of all there ever were.
    """
    return exists().where(
        _Other.trigger_id == RunRow.trigger_id,
        literally(_Other.state, *OPEN),
        _Other.id != RunRow.id,
        or_(_Other.scheduled_at < RunRow.scheduled_at, _Other.state.in_(ACTIVE)),
    )


def past_is_good() -> ColumnElement[bool]:
    """Return the condition that a queued run need not wait for its predecessor's success.

    Any success of the pipeline for the predecessor's logical date is one: a run by hand or a
    backfill with a mended version as well as a retry.
    """
    before = (
        select(_Other.scheduled_at)
        .where(
            _Other.trigger == TriggerKind.SCHEDULE,
            _Other.trigger_id == RunRow.trigger_id,
            _Other.scheduled_at < RunRow.scheduled_at,
            _Other.state.not_in(PASSED_OVER),
        )
        .order_by(_Other.scheduled_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    succeeded = exists().where(
        _Other.pipeline_id == RunRow.pipeline_id,
        literally(_Other.state, RunState.SUCCEEDED),
        _Other.kind == RunKind.PIPELINE,
        _Other.logical_date == before.correlate(RunRow),
    )
    return or_(~RunRow.depends_on_past, before.is_(None), succeeded)


def open_before(session: Session, series: UUID, firing: datetime) -> list[RunRow]:
    """Return the open runs of the firings before ``firing``, oldest first."""
    query = _open_before(series, firing)
    return list(session.scalars(query.order_by(RunRow.scheduled_at)))


def last_open_before(session: Session, series: UUID, firing: datetime) -> RunRow | None:
    """Return the latest of the open runs of the firings before ``firing``."""
    query = _open_before(series, firing)
    return session.scalar(query.order_by(RunRow.scheduled_at.desc()).limit(1))


def open_of(session: Session, series: Collection[UUID]) -> dict[UUID, int]:
    """Return how many runs of each of ``series`` have not ended; nothing of those without any."""
    query = (
        select(RunRow.trigger_id, func.count())
        .where(
            RunRow.trigger == TriggerKind.SCHEDULE,
            RunRow.trigger_id.in_(series),
            literally(RunRow.state, *OPEN),
        )
        .group_by(RunRow.trigger_id)
    )
    return dict(session.execute(query).all())


def recorded(
    session: Session, series: Collection[UUID], first: datetime, last: datetime
) -> set[tuple[UUID, datetime]]:
    """Return (series, firing) of the runs there are of ``series`` from ``first`` to ``last``."""
    query = select(RunRow.trigger_id, RunRow.scheduled_at).where(
        RunRow.trigger == TriggerKind.SCHEDULE,
        RunRow.trigger_id.in_(series),
        RunRow.scheduled_at.between(first, last),
    )
    return {(one, firing) for one, firing in session.execute(query)}


def _open_before(series: UUID, firing: datetime) -> Select[RunRow]:
    return select(RunRow).where(
        RunRow.trigger == TriggerKind.SCHEDULE,
        RunRow.trigger_id == series,
        literally(RunRow.state, *OPEN),
        RunRow.scheduled_at < firing,
    )


def going_on(session: Session, run: RunRow) -> RunRow | None:
    """Return an open run of an earlier firing than that of ``run``, or another active one."""
    return session.scalar(
        select(RunRow)
        .where(
            RunRow.trigger == TriggerKind.SCHEDULE,
            RunRow.trigger_id == run.trigger_id,
            literally(RunRow.state, *OPEN),
            RunRow.id != run.id,
            or_(RunRow.scheduled_at < run.scheduled_at, RunRow.state.in_(ACTIVE)),
        )
        .order_by(RunRow.scheduled_at)
        .limit(1)
    )


def predecessor(session: Session, series: UUID, firing: datetime) -> RunRow | None:
    """Return the run that one of ``firing`` with ``depends_on_past`` waits for; None: for none."""
    return session.scalar(
        select(RunRow)
        .where(
            RunRow.trigger == TriggerKind.SCHEDULE,
            RunRow.trigger_id == series,
            RunRow.scheduled_at < firing,
            RunRow.state.not_in(PASSED_OVER),
        )
        .order_by(RunRow.scheduled_at.desc())
        .limit(1)
    )


def why_waits(session: Session, before: RunRow | None) -> str | None:
    """Return the sentence for a run whose predecessor is ``before``; None where it may start."""
    if before is None or _succeeded(session, before):
        return None
    name = f"the run of {before.logical_date:%Y-%m-%d %H:%M} UTC"
    if before.state in OPEN:
        return f"waits until {name} has succeeded"
    ended = "timed out" if before.state is RunState.TIMED_OUT else str(before.state)
    return (
        f"waits for {name}, which {ended}: retry that one ({before.id}) or run its date again, or "
        "cancel this one"
    )


def _succeeded(session: Session, run: RunRow) -> bool:
    """Whether the logical date of ``run`` has a success, of its own or of another run."""
    found = select(RunRow.id).where(
        RunRow.pipeline_id == run.pipeline_id,
        literally(RunRow.state, RunState.SUCCEEDED),
        RunRow.kind == RunKind.PIPELINE,
        RunRow.logical_date == run.logical_date,
    )
    return session.scalar(found.limit(1)) is not None


def tell_successor(session: Session, run: RunRow, now: datetime) -> None:
    """Say in the reason of the run that waits for ``run`` what it now waits for."""
    if run.trigger is not TriggerKind.SCHEDULE:
        return
    waiting = session.scalar(
        select(RunRow)
        .where(
            RunRow.trigger == TriggerKind.SCHEDULE,
            RunRow.trigger_id == run.trigger_id,
            literally(RunRow.state, *OPEN),
            RunRow.scheduled_at > run.scheduled_at,
        )
        .order_by(RunRow.scheduled_at)
        .limit(1)
    )
    if waiting is None or waiting.state is not RunState.QUEUED or not waiting.depends_on_past:
        return
    why = why_waits(session, predecessor(session, waiting.trigger_id, waiting.scheduled_at))
    if why != waiting.state_reason:
        run_arrows.explain(session, waiting, why, now)
