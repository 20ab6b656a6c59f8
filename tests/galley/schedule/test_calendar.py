from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from galley import dispatch, schedule
from galley.domain.backfills import BackfillRequest
from galley.domain.calendar import HOLES, Calendar, CalendarEntry, DateState
from galley.domain.runs import AttemptState, FailureClass, RunState, TriggerKind
from galley.domain.schedules import ScheduleRequest
from galley.errors import InvalidInput, NotFound
from galley.schedule import backfill_plan
from galley.store import run_arrows, schedules
from galley.store.records import PauseRow
from galley.store.tables import DeploymentRow, RunRow, ScheduleRow
from sqlalchemy import event, select

from tests.galley.world import START, World

DAY = timedelta(days=1)
END = START + 14 * DAY


def tick(world: World) -> None:
    world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))


def calendar(world: World, slug: str | None = "churn", **given: Any) -> Calendar:
    asked = {"start": START - DAY, "end": START + 14 * DAY, "timezone": None, **given}
    tenant = asked.pop("tenant", "lab")
    return world.read(lambda s: schedule.calendar(s, tenant, slug, now=world.now, **asked))


def entries(found: Calendar) -> list[CalendarEntry]:
    return [entry for day in found.days for entry in day.entries]


def states(found: Calendar) -> list[str]:
    return [entry.state.value for entry in entries(found)]


def daily(world: World, **fields: Any) -> None:
    world.live(schedule={"cron": "0 12 * * *", "catch_up": "skip", **fields})


def run_next(world: World, state: AttemptState = AttemptState.SUCCEEDED) -> None:
    work = world.must_claim()
    world.start(work)
    failure = FailureClass.USER if state is AttemptState.FAILED else None
    world.finish(work, state, failure_class=failure)


def test_what_ran_what_failed_and_what_is_to_come(world: World) -> None:
    daily(world)
    world.later(hours=4)
    tick(world)
    run_next(world)
    world.later(days=1)
    tick(world)
    work = world.must_claim()
    world.start(work)
    world.write(
        lambda s: run_arrows.fail(s, work.run, RunState.RUNNING, "cell 2: no column", world.now)
    )
    world.later(days=1)
    tick(world)

    found = calendar(world)
    assert states(found) == ["succeeded", "failed", "queued", *["upcoming"] * 11]
    first, second = entries(found)[:2]
    assert first.logical_date == START + timedelta(hours=4)
    assert (first.trigger, first.runs) == (TriggerKind.SCHEDULE, 1)
    assert (second.run, second.reason) == (work.run, "cell 2: no column")
    assert [day.day for day in found.days][:2] == [date(2026, 3, 2), date(2026, 3, 3)]
    assert found.days[0].counts == {DateState.SUCCEEDED: 1}


def test_firings_missed_while_the_platform_was_down_are_told_from_paused_ones(
    world: World,
) -> None:
    daily(world)
    world.later(hours=4)
    tick(world)
    world.later(hours=2)
    world.write(lambda s: schedule.pause(s, "lab", "churn", "max", world.now))
    world.later(days=2)
    world.write(lambda s: schedule.resume(s, "lab", "churn", "max", world.now))
    world.later(days=2)
    tick(world)

    found = calendar(world)
    past = ["queued", "paused", "paused", "missed", "missed"]
    assert states(found) == [*past, *["upcoming"] * 9]
    assert entries(found)[1].reason == "paused by max"
    assert "the platform was down" in (entries(found)[3].reason or "")


def test_missed_firings_too_many_to_be_recorded_are_shown_all_the_same(world: World) -> None:
    world.live(schedule={"cron": "0 * * * *", "catch_up": "skip"})
    world.later(days=10, minutes=5)
    tick(world)
    found = calendar(world)
    past = [entry for entry in entries(found) if entry.logical_date <= world.now]
    assert len(past) == 240
    assert {entry.state for entry in past} == {DateState.MISSED}
    assert sum(entry.run is not None for entry in past) == 100


def test_a_paused_schedule_has_paused_dates_ahead(world: World) -> None:
    daily(world)
    world.write(lambda s: schedule.pause(s, "lab", "churn", "max", world.now))
    assert set(states(calendar(world))) == {"paused"}
    world.write(lambda s: schedule.resume(s, "lab", "churn", "max", world.now))
    assert set(states(calendar(world))) == {"upcoming"}


def test_a_firing_that_is_due_is_not_missed(world: World) -> None:
    daily(world)
    world.later(hours=4)
    due = entries(calendar(world))[0]
    assert (due.state, due.run) == (DateState.UPCOMING, None)
    assert "about to be recorded" in (due.reason or "")


def test_each_wording_holds_for_its_own_time(world: World) -> None:
    world.live("p", tenant="play", schedule={"cron": "0 12 * * *", "catch_up": "skip"})
    world.later(days=2, hours=6)
    tick(world)
    world.write(
        lambda s: schedule.set_schedule(
            s,
            "play",
            world.tenant("play"),
            "p",
            ScheduleRequest(cron="0 6 * * 1"),
            "ana",
            world.now,
        )
    )
    found = entries(calendar(world, "p", tenant="play"))
    assert [entry.logical_date.hour for entry in found] == [12, 12, 12, 6, 6]
    assert found[3].logical_date == datetime(2026, 3, 9, 6, tzinfo=UTC)


def test_a_schedule_has_dates_from_its_start_to_its_end_only(world: World) -> None:
    first, last = START + timedelta(days=2, hours=4), START + timedelta(days=4, hours=4)
    daily(world, start=first.isoformat(), end=last.isoformat())
    assert [entry.logical_date for entry in entries(calendar(world))] == [
        first,
        first + DAY,
        last,
    ]


def test_a_firing_whose_jitter_is_not_over_is_not_missed(world: World) -> None:
    daily(world, jitter_s=3600)
    world.later(hours=4, seconds=1)
    due = entries(calendar(world))[0]
    assert due.state is DateState.UPCOMING
    assert due.logical_date == START + timedelta(hours=4)
    assert due.logical_date < due.at <= due.logical_date + timedelta(hours=1)
    world.later(hours=2)
    tick(world)
    assert states(calendar(world))[0] == "missed"


def fix_the_jitter(world: World) -> None:
    """Give the schedule a series of which the next firing is due a good while later."""

    def fix(session: Any) -> None:
        row = session.scalars(select(ScheduleRow)).one()
        row.series = UUID(int=7)
        schedules.aim(row, world.now)

    world.write(fix)


def test_what_was_not_due_yet_when_its_schedule_rested_or_changed_was_not_missed(
    world: World,
) -> None:
    daily(world, jitter_s=3600)
    fix_the_jitter(world)
    firing = START + timedelta(hours=4)
    due = entries(calendar(world))[0].at
    assert due - firing > timedelta(minutes=1)
    world.now = firing + (due - firing) / 2
    paused_at = world.now
    world.write(lambda s: schedule.pause(s, "lab", "churn", "max", world.now))
    first = entries(calendar(world))[0]
    assert (first.logical_date, first.state, first.reason) == (
        firing,
        DateState.PAUSED,
        "paused by max",
    )
    world.now = due + timedelta(hours=1)
    world.write(lambda s: schedule.resume(s, "lab", "churn", "max", world.now))
    assert states(calendar(world))[0] == "paused"

    def rest_later(session: Any) -> None:
        pause = session.scalars(select(PauseRow)).one()
        assert pause.since == paused_at
        pause.since = due + timedelta(seconds=1)

    world.write(rest_later)
    assert states(calendar(world))[0] == "missed", "it was due before the pause"


@pytest.mark.parametrize("cron", ["0 12 * * *", "0 18 * * *"])
def test_a_change_drops_nothing_that_has_come_and_is_not_due_yet(world: World, cron: str) -> None:
    jittered = {"cron": "0 12 * * *", "catch_up": "skip", "jitter_s": 3600}
    world.live("p", tenant="play", schedule=jittered)
    fix_the_jitter(world)
    due = entries(calendar(world, "p", tenant="play"))[0]
    world.now = due.logical_date + (due.at - due.logical_date) / 2
    wording = ScheduleRequest.model_validate({**jittered, "cron": cron, "priority": 1})
    world.write(
        lambda s: schedule.set_schedule(
            s, "play", world.tenant("play"), "p", wording, "ana", world.now
        )
    )
    first = entries(calendar(world, "p", tenant="play"))[0]
    assert first.state is DateState.UPCOMING
    assert first.logical_date == due.logical_date
    world.now = due.at
    tick(world)
    first = entries(calendar(world, "p", tenant="play"))[0]
    assert first.run is not None


def test_a_zone_that_the_system_has_lost_hides_no_calendar(world: World) -> None:
    daily(world)
    world.later(hours=4)
    tick(world)

    def lose(session: Any) -> None:
        for row in session.scalars(select(ScheduleRow)):
            row.timezone = "Europe/Atlantis"

    world.write(lose)
    for slug in (None, "churn"):
        found = calendar(world, slug)
        assert (found.timezone, states(found)) == ("UTC", ["queued"])


def test_a_success_counts_more_than_a_failure_of_the_same_date(world: World) -> None:
    daily(world)
    world.later(hours=4)
    tick(world)
    run_next(world)
    again = world.request(logical_date=START + timedelta(hours=4))
    shown = entries(calendar(world))[0]
    assert (shown.state, shown.run, shown.runs) == (DateState.QUEUED, again.id, 2)
    work = world.must_claim()
    world.write(lambda s: dispatch.cancel(s, work.run, "ben", world.now))
    world.finish(work, AttemptState.CANCELLED)
    shown = entries(calendar(world))[0]
    assert (shown.state, shown.runs) == (DateState.SUCCEEDED, 2)


def test_runs_by_hand_are_on_the_calendar_and_rehearsals_are_not(world: World) -> None:
    world.live()
    run = world.request()
    found = calendar(world)
    assert [entry.run for entry in entries(found)] == [run.id]
    assert entries(found)[0].trigger is TriggerKind.MANUAL


def test_a_schedule_of_minutes_is_counted_by_day(world: World) -> None:
    world.live(schedule={"cron": "* * * * *", "catch_up": "skip"})
    for _ in range(3):
        world.later(minutes=1)
        tick(world)
    run_next(world)
    world.later(minutes=30)
    tick(world)

    found = calendar(world)
    assert entries(found) == []
    (group,) = found.days[0].groups
    today = 24 * 60 - 8 * 60 - 1
    assert group.counts == {
        DateState.SUCCEEDED: 1,
        DateState.QUEUED: 3,
        DateState.MISSED: 29,
        DateState.UPCOMING: today - 33,
    }
    assert found.days[5].counts == {DateState.UPCOMING: 24 * 60}
    assert sum(sum(day.counts.values()) for day in found.days) == 14 * 24 * 60 - 1

    one = calendar(world, start=START - timedelta(hours=8), end=START + timedelta(hours=16))
    assert len(entries(one)) == today
    assert one.days[0].counts == group.counts


def test_a_pause_within_a_day_of_minutes_is_counted_apart(world: World) -> None:
    world.live(schedule={"cron": "*/10 * * * *", "catch_up": "skip"})
    world.later(minutes=5)
    world.write(lambda s: schedule.pause(s, "lab", "churn", "max", world.now))
    world.later(hours=1)
    world.write(lambda s: schedule.resume(s, "lab", "churn", "max", world.now))
    assert calendar(world).days[0].counts[DateState.PAUSED] == 6


def by_hand(world: World, at: datetime, state: AttemptState, trigger: TriggerKind) -> None:
    """Let a run of a date end; ``trigger`` asked for it."""
    run = world.request(logical_date=at)
    run_next(world, state)

    def say(session: Any) -> None:
        session.get_one(RunRow, run.id).trigger = trigger

    world.write(say)


def test_what_is_counted_is_what_would_be_listed(world: World) -> None:
    """A date has one state, and only a run of a firing's date fills a miss."""
    world.live(schedule={"cron": "0 * * * *", "catch_up": "skip", "overlap": "allow"})
    ten = START + timedelta(hours=2)
    for at, state in ((ten - timedelta(hours=1), AttemptState.FAILED), (ten, AttemptState.FAILED)):
        world.now = at
        tick(world)
        run_next(world, state)
    world.later(minutes=30)
    by_hand(world, ten, AttemptState.SUCCEEDED, TriggerKind.BACKFILL)
    for minutes in (7, 8, 9):
        off = ten + timedelta(minutes=minutes)
        by_hand(world, off, AttemptState.SUCCEEDED, TriggerKind.WEBHOOK)
    by_hand(world, ten - timedelta(hours=2), AttemptState.FAILED, TriggerKind.MANUAL)
    world.later(hours=3)
    world.write(lambda s: schedule.pause(s, "lab", "churn", "max", world.now))
    world.later(hours=2)
    world.write(lambda s: schedule.resume(s, "lab", "churn", "max", world.now))
    tick(world)
    by_hand(world, world.now.replace(minute=0), AttemptState.FAILED, TriggerKind.MANUAL)
    open_again = world.request(logical_date=ten - timedelta(hours=1))
    assert open_again.state is RunState.QUEUED

    day: dict[str, Any] = {"start": START.replace(hour=0), "end": START.replace(hour=0) + DAY}
    listed, counted = calendar(world, **day).days[0], calendar(world, None, **day).days[0]
    assert len(listed.entries) == 15 + 4
    assert (counted.entries, counted.counts) == ((), listed.counts)
    holes = [one for one in listed.entries if one.state in HOLES and one.fillable]
    assert counted.groups[0].holes == len(holes) == 5
    assert counted.counts == {
        DateState.FAILED: 2,
        DateState.MISSED: 3,
        DateState.QUEUED: 1,
        DateState.SUCCEEDED: 4,
        DateState.UPCOMING: 8,
        DateState.PAUSED: 1,
    }


def test_holes_that_are_counted_are_those_that_a_backfill_plans(world: World) -> None:
    world.live(schedule={"cron": "*/10 * * * *", "catch_up": "skip"})
    world.later(hours=1)
    tick(world)
    run_next(world, AttemptState.FAILED)
    by_hand(world, world.now + timedelta(minutes=3), AttemptState.FAILED, TriggerKind.MANUAL)
    world.later(hours=1)
    tick(world)
    run_next(world)
    (group,) = calendar(world).days[0].groups
    assert sum(group.counts[state] for state in (DateState.MISSED, DateState.FAILED)) == 12
    span = BackfillRequest(start=START + timedelta(minutes=1), end=world.now)

    def planned(session: Any) -> int:
        draft = backfill_plan.draft(session, "lab", world.tenant(), "churn", span, world.now)
        return backfill_plan.plan(session, draft, world.tenant()).wanted

    assert group.holes == world.read(planned) == 11


def test_holes_of_another_wording_are_not_promised(world: World) -> None:
    world.live("p", tenant="play", schedule={"cron": "*/10 * * * *", "catch_up": "skip"})
    world.later(hours=1)
    tick(world)

    def holes() -> tuple[int, int]:
        (group,) = calendar(world, "p", tenant="play").days[0].groups
        return group.counts[DateState.MISSED], group.holes

    assert holes() == (5, 5)
    world.write(
        lambda s: schedule.set_schedule(
            s,
            "play",
            world.tenant("play"),
            "p",
            ScheduleRequest(cron="*/7 * * * *"),
            "ana",
            world.now,
        )
    )
    assert holes() == (5, 0)


def test_what_a_backfill_can_run_is_said(world: World) -> None:
    world.live("p", tenant="play", schedule={"cron": "0 12 * * *", "catch_up": "skip"})
    world.later(days=2, hours=6)
    tick(world)

    def fillable() -> list[int]:
        found = entries(calendar(world, "p", tenant="play", end=START + 3 * DAY))
        return [one.logical_date.hour for one in found if one.fillable]

    world.request("p", tenant="play", logical_date=START + timedelta(days=1))
    assert len(entries(calendar(world, "p", tenant="play", end=START + 3 * DAY))) == 4
    assert fillable() == [12, 12, 12], "not the run of another hour"
    world.later(days=30)
    wording = ScheduleRequest(cron="0 12,13 * * *")
    world.write(
        lambda s: schedule.set_schedule(
            s, "play", world.tenant("play"), "p", wording, "ana", world.now
        )
    )
    assert fillable() == [12, 12, 12], "the schedule of now has them too"
    other = ScheduleRequest(cron="0 13 * * *")
    world.write(
        lambda s: schedule.set_schedule(
            s, "play", world.tenant("play"), "p", other, "ana", world.now
        )
    )
    assert fillable() == []
    world.write(
        lambda s: schedule.set_schedule(
            s, "play", world.tenant("play"), "p", wording, "ana", world.now
        )
    )
    world.write(_retire)
    assert fillable() == [], "no version is live"


def test_a_page_of_a_tenants_pipelines_costs_as_much_as_one(world: World) -> None:
    def questions() -> int:
        asked = 0

        def look(session: Any) -> None:
            nonlocal asked
            connection = session.connection()

            def note(*_: object) -> None:
                nonlocal asked
                asked += 1

            event.listen(connection, "before_cursor_execute", note)
            schedule.calendar(
                session, "lab", None, start=START, end=END, timezone=None, now=world.now
            )

        world.read(look)
        return asked

    for slug, expression in (("often", "0 * * * *"), ("daily", "0 12 * * *")):
        world.live(slug, content=slug, schedule={"cron": expression})
    few = questions()
    for number in range(4):
        expression = "*/5 * * * *" if number % 2 else "30 6 * * *"
        world.live(f"p-{number}", content=f"{number}", schedule={"cron": expression})
    assert questions() == few


def test_changes_of_the_clock_are_marked_and_noted(world: World) -> None:
    daily(world, cron="30 2 * * *", timezone="Europe/Berlin")
    found = calendar(world, start=START + 20 * DAY, end=START + 30 * DAY)
    (change,) = found.clock_changes
    assert (change.day, change.before, change.after) == (date(2026, 3, 29), 60, 120)
    assert found.timezone == change.timezone == "Europe/Berlin"
    (noted,) = [entry for entry in entries(found) if entry.note and "jumps over" in entry.note]
    assert noted.logical_date == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)

    elsewhere = calendar(
        world, start=START + 20 * DAY, end=START + 30 * DAY, timezone="Pacific/Auckland"
    )
    assert [one.day for one in elsewhere.clock_changes] == [date(2026, 3, 29)]
    assert elsewhere.timezone == "Pacific/Auckland"


def test_days_are_those_of_the_zone_that_is_asked_for(world: World) -> None:
    daily(world, cron="30 23 * * *")
    day = calendar(world, end=START + 2 * DAY).days[0].day
    assert day == date(2026, 3, 2)
    assert calendar(world, end=START + 2 * DAY, timezone="Asia/Tokyo").days[0].day == day + DAY


def test_a_tenant_has_all_its_pipelines_page_by_page(world: World) -> None:
    for slug in ("a", "b", "c"):
        world.live(slug, content=slug, schedule={"cron": "0 12 * * *"})
    world.live("idle", content="idle")
    whole = calendar(world, None)
    assert {entry.pipeline for entry in entries(whole)} == {"a", "b", "c"}
    assert whole.days[0].counts == {DateState.UPCOMING: 3}
    assert whole.next_cursor is None

    first = calendar(world, None, limit=2)
    assert {entry.pipeline for entry in entries(first)} == {"a", "b"}
    rest = calendar(world, None, limit=2, cursor=first.next_cursor)
    assert {entry.pipeline for entry in entries(rest)} == {"c"}
    assert rest.next_cursor is None
    assert calendar(world, None, tenant="play").days == ()


def test_a_pipeline_that_fires_often_is_counted_beside_the_others(world: World) -> None:
    world.live("hours", content="h", schedule={"cron": "0 * * * *"})
    daily(world)
    found = calendar(world, None)
    assert {entry.pipeline for entry in entries(found)} == {"churn"}
    assert {group.pipeline for day in found.days for group in day.groups} == {"hours"}
    assert found.days[1].counts == {DateState.UPCOMING: 25}


def test_without_a_live_version_nothing_was_asked_for_in_vain(world: World) -> None:
    daily(world)
    world.write(_retire)
    found = entries(calendar(world))
    assert "no version is live" in (found[0].reason or "")
    world.later(days=1)
    tick(world)
    first = entries(calendar(world))[0]
    assert (first.state, first.reason) == (DateState.MISSED, "no version was live")


def _retire(session: Any) -> None:
    for row in session.scalars(select(DeploymentRow)):
        row.until = START


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"end": START - 2 * DAY}, "to", "not after it begins"),
        ({"end": START + 400 * DAY}, "to", "at most 100"),
        ({"timezone": "Mars/Base"}, "timezone", "IANA"),
    ],
)
def test_windows_that_make_no_sense(
    world: World, asked: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        calendar(world, None, **asked)
    assert refused.value.field == field


def test_no_such_pipeline(world: World) -> None:
    with pytest.raises(NotFound, match="nothing"):
        calendar(world, "nothing")


def test_the_default_window_is_two_weeks_each_way(world: World) -> None:
    daily(world)
    found = calendar(world, start=None, end=None)
    assert (found.start, found.end) == (
        datetime(2026, 2, 16, tzinfo=UTC),
        datetime(2026, 3, 16, tzinfo=UTC),
    )
    assert world.read(lambda s: s.scalar(select(RunRow.id).limit(1))) is not None
