"""What the own parameters of a schedule, backfill or trigger come to for one of its runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, Text, bindparam, cast, select
from sqlalchemy.orm import Session

from galley.domain import templates
from galley.domain.runs import TriggerKind
from galley.notebook.templated import resolve
from galley.store import run_parameters, runs, schedules
from galley.store.backfill_tables import BackfillRow
from galley.store.run_parameters import Interval
from galley.store.tables import RunRow, ScheduleRow, VersionRow
from galley.store.trigger_tables import TriggerRow

_LATE = "previous_success"
"""The name in templates whose value may change between a run's record and its start."""

_OF: BindParameter[UUID] = bindparam("of", expanding=True)
_OF_SCHEDULES = select(ScheduleRow.pipeline_id, ScheduleRow.parameters).where(
    ScheduleRow.pipeline_id.in_(_OF), cast(ScheduleRow.parameters, Text) != "{}"
)
_OF_BACKFILLS = select(BackfillRow.id, BackfillRow.parameters).where(BackfillRow.id.in_(_OF))


def own_values(
    session: Session,
    row: ScheduleRow | BackfillRow | TriggerRow,
    version: VersionRow,
    interval: Interval,
    run_id: UUID,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the own parameters of a schedule, backfill or trigger come to for one run.

    Args:
        given: values of the run itself, which go before them and are no templates.

    Raises:
        InvalidInput: one of them does not fit the version; ``field`` is ``parameters.NAME``.
    """
    given = given or {}
    own = {name: value for name, value in row.parameters.items() if name not in given}
    return {**_resolved(session, row, own, version, interval, run_id), **given}


def may_change(
    session: Session, pipelines: Collection[UUID], backfills: Collection[UUID]
) -> set[UUID]:
    """Return those of them with runs that :func:`at_start` may give other parameters.

    Of a pipeline its schedule is asked, in all its wordings.
    """
    rows = [
        row
        for query, given in ((_OF_SCHEDULES, pipelines), (_OF_BACKFILLS, backfills))
        if given
        for row in session.execute(query, {"of": list(given)})
    ]
    return {key for key, own in rows if templates.uses(own, _LATE)}


def at_start(session: Session, run: RunRow, version: VersionRow) -> dict[str, Any]:
    """Return the parameters of a run that starts now: what has succeeded meanwhile is counted.

    Runs that wait in line, or are caught up together, were recorded before the one before them
    had succeeded.

    Raises:
        InvalidInput: as :func:`own_values`.
    """
    row = _asked_by(session, run)
    own = {} if row is None else row.parameters
    late = {name: one for name, one in own.items() if templates.uses({name: one}, _LATE)}
    if row is None or not late:
        return run.parameters
    interval = Interval(run.logical_date, run.data_interval_start, run.data_interval_end)
    return {**run.parameters, **_resolved(session, row, late, version, interval, run.id)}


def _asked_by(session: Session, run: RunRow) -> ScheduleRow | BackfillRow | None:
    match run.trigger:
        case TriggerKind.SCHEDULE:
            return schedules.wording_of(session, run)
        case TriggerKind.BACKFILL:
            return session.get(BackfillRow, run.trigger_id)
    return None


def _resolved(
    session: Session,
    row: ScheduleRow | BackfillRow | TriggerRow,
    values: Mapping[str, Any],
    version: VersionRow,
    interval: Interval,
    run_id: UUID,
) -> dict[str, Any]:
    if not values:
        return {}
    success = None
    if templates.uses(values, _LATE):
        success = runs.last_success(session, row.pipeline_id, interval.logical_date)
    context = templates.Context(*interval, run_id, success, _zone(session, row))
    return resolve(run_parameters.schema_of(version), values, context)


def _zone(session: Session, row: ScheduleRow | BackfillRow | TriggerRow) -> ZoneInfo:
    """Return the zone of the dates; a trigger's is that of its pipeline's schedule."""
    if not isinstance(row, TriggerRow):
        return schedules.cron_of(row).zone
    schedule = schedules.in_force(session, row.pipeline_id)
    return ZoneInfo("UTC") if schedule is None else schedules.cron_of(schedule).zone
