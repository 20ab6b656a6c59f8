"""Webhooks: the time that their runs are for, and their parameters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from galley.domain.runs import Run
from galley.domain.triggers import HookRequest, TriggerRequest
from galley.schedule import hook
from galley.schedule import triggers as control
from galley.store import pipelines, runs, triggers
from sqlalchemy.orm import Session

from tests.galley.world import World

SIGNED = datetime(2026, 3, 3, 9, 15, tzinfo=UTC)
DAILY = {"cron": "30 6 * * *", "timezone": "Asia/Tokyo"}
BEFORE = datetime(2026, 3, 2, 21, 30, tzinfo=UTC)


def send(world: World, own: dict[str, Any], **body: Any) -> Run:
    """Let a webhook with parameters of its ``own`` take a request."""
    wanted = {"name": "ci", "source": {"type": "webhook"}, "parameters": own}
    trigger = TriggerRequest.model_validate(wanted)
    request = HookRequest.model_validate(body)

    def work(session: Session) -> Run:
        control.add(session, "lab", "churn", trigger, "lee", world.now)
        row = triggers.require(session, pipelines.require(session, "lab", "churn"), "ci")
        run = hook.receive(session, row, world.tenant(), request, "v1=x", SIGNED, SIGNED)
        return runs.get(session, run)

    return world.write(work)


@pytest.mark.parametrize(
    ("fields", "body", "start", "date"),
    [
        ({"schedule": DAILY}, {}, BEFORE, SIGNED),
        (
            {"schedule": DAILY},
            {"logical_date": SIGNED.replace(day=1)},
            BEFORE.replace(day=28, month=2),
            SIGNED.replace(day=1),
        ),
        ({}, {}, SIGNED, SIGNED),
    ],
    ids=["since the schedule", "of another date", "without a schedule"],
)
def test_a_run_is_for_the_time_since_the_scheduled_one(
    world: World, fields: dict[str, Any], body: dict[str, Any], start: datetime, date: datetime
) -> None:
    world.live(**fields)
    run = send(world, {}, **body)
    assert run.logical_date == date
    assert (run.data_interval_start, run.data_interval_end) == (start, date)


def test_templates_are_put_in_with_the_zone_of_the_schedule(world: World) -> None:
    world.live(schedule=DAILY)
    templates = {
        "name": '{{ data_interval_start | local | date("%d %H") }}',
        "rounds": '{{ (previous_success or logical_date) | date("%d") }}',
    }
    run = send(world, templates)
    assert (run.parameters["name"], run.parameters["rounds"]) == ("03 06", 3)


def test_what_the_request_gives_goes_before_and_is_plain(world: World) -> None:
    world.live()
    run = send(world, {"name": "{{ run_id }}", "rounds": 2}, parameters={"name": "{{ x }}"})
    assert (run.parameters["name"], run.parameters["rounds"]) == ("{{ x }}", 2)
