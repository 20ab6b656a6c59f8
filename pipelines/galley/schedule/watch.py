"""Files that triggers watch: when each is looked at, and what a look means.

A version counts when two looks in a row have seen it, because a file may still be being written.
While a run that the trigger started is open, a change waits. A look that fails doubles the pause.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from galley.domain.tenants import Tenants
from galley.domain.triggers import FileSource
from galley.schedule.firing import Key, fire
from galley.store import trigger_firings, triggers
from galley.store.run_parameters import Interval
from galley.store.tables import PipelineRow
from galley.store.trigger_tables import TriggerRow, TriggerWatchRow

SETTLE = timedelta(seconds=5)
"""Pause before a new version is looked at again, to see whether it is still being written."""
LONGEST_PAUSE = timedelta(hours=1)
"""Pause between two looks that fail, at most; a longer interval stays as it is."""
BATCH = 200
"""Files that are looked at in one pass."""


class Watched(NamedTuple):
    """A file that is to be looked at now."""

    trigger: UUID
    tenant: str
    url: str


class Look(NamedTuple):
    """What a look at a file has shown.

    Attributes:
        version: None: there is no such file.
        error: why nothing was seen; None: something was.
    """

    trigger: UUID
    version: str | None = None
    error: str | None = None


def due(session: Session, tenants: Tenants, now: datetime) -> list[Watched]:
    """Return the files that are to be looked at, in turns of their tenants.

    Of each tenant those that have waited longest come first: many that hang keep nobody waiting.
    """
    in_line = func.row_number().over(
        partition_by=TriggerRow.tenant, order_by=TriggerWatchRow.next_poll
    )
    rows = session.scalars(
        select(TriggerRow)
        .join(TriggerWatchRow, TriggerWatchRow.trigger_id == TriggerRow.id)
        .where(
            TriggerWatchRow.next_poll <= now,
            TriggerRow.until.is_(None),
            TriggerRow.paused.is_(False),
            TriggerRow.tenant.in_(tenants.tenants),
        )
        .order_by(in_line, TriggerWatchRow.next_poll)
        .limit(BATCH)
    )
    return [Watched(row.id, row.tenant, _source(row).url) for row in rows]


def take(session: Session, tenants: Tenants, looks: Iterable[Look], now: datetime) -> list[UUID]:
    """Keep what looks have shown, and fire where a file has changed; return the runs' ids."""
    queued = []
    for look in looks:
        watch = session.get(TriggerWatchRow, look.trigger, with_for_update=True)
        if watch is None:
            continue  # the trigger was changed or removed meanwhile
        row = session.get_one(TriggerRow, look.trigger)
        if row.paused or row.tenant not in tenants.tenants:
            continue
        if look.error is not None:
            _failed(session, row, watch, look.error, now)
        else:
            run = _seen(session, tenants, row, watch, look.version, now)
            if run is not None:
                queued.append(run)
        session.flush()
    return queued


def _failed(
    session: Session, row: TriggerRow, watch: TriggerWatchRow, error: str, now: datetime
) -> None:
    interval = timedelta(seconds=_source(row).interval_s)
    watch.failures += 1
    pause = max(interval, min(interval * 2 ** min(watch.failures, 12), LONGEST_PAUSE))
    watch.error, watch.polled_at, watch.next_poll = error, now, now + pause
    if watch.failures == 1:
        triggers.tell(session, session.get_one(PipelineRow, row.pipeline_id), row, "failing", now)


def _seen(
    session: Session,
    tenants: Tenants,
    row: TriggerRow,
    watch: TriggerWatchRow,
    version: str | None,
    now: datetime,
) -> UUID | None:
    interval = timedelta(seconds=_source(row).interval_s)
    first = not watch.seen
    if watch.failures:
        triggers.tell(session, session.get_one(PipelineRow, row.pipeline_id), row, "seen", now)
    watch.failures, watch.error = 0, None
    watch.seen, watch.polled_at, watch.next_poll = True, now, now + interval
    if first or version is None or version == watch.version:
        if version != watch.version:
            watch.version, watch.since = version, now
        watch.candidate = None
        return None
    if version != watch.candidate:
        watch.candidate, watch.next_poll = version, now + min(interval, SETTLE)
        return None
    if trigger_firings.open_runs(session, row):
        return None
    return _fire(session, tenants, row, watch, version, now)


def _fire(
    session: Session,
    tenants: Tenants,
    row: TriggerRow,
    watch: TriggerWatchRow,
    version: str,
    now: datetime,
) -> UUID | None:
    """Fire, for the time since the version before was taken."""
    cause = {"url": _source(row).url, "old": watch.version, "new": version}
    # The number of the change is in the key, so that a version that comes back fires again.
    key = Key(uuid5(row.series, f"{row.id} {watch.changes} {version}"), row.since)
    interval = Interval(now, watch.since, now)
    watch.version, watch.candidate, watch.since = version, None, now
    watch.changes += 1
    return fire(session, row, tenants.tenants[row.tenant], key, interval, cause, now)


def _source(row: TriggerRow) -> FileSource:
    source = triggers.source_of(row)
    assert isinstance(source, FileSource)
    return source
