from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from galley import dispatch
from galley.domain.work import Assignment

from tests.galley.service.platform import Platform

TASK = "daily_report"


@pytest.fixture
def work(platform: Platform) -> Assignment:
    """A run that is under way."""
    platform.approved()
    platform.post("/tenants/oncology/pipelines/daily-report/runs", {})
    work = platform.lease("oncology")
    assert work is not None
    assert platform.report(work, "start").status_code == 200
    return work


def unwritable(platform: Platform, work: Assignment, what: str) -> Path:
    """Put a file where an attempt's folder would be, and return it."""
    path = platform.settings.service_state / what / str(work.attempt)
    path.parent.mkdir(exist_ok=True)
    path.touch()
    return path


def state_of(platform: Platform, work: Assignment) -> tuple[str, str]:
    """Return the states of the run and of its first attempt, once lost ones were taken back."""
    platform.store.write(lambda s: dispatch.reap(s, platform.clock()))
    run = platform.get(f"/runs/{work.run}").json()
    return run["state"], run["attempts"][0]["state"]


@pytest.fixture
def beat(platform: Platform, work: Assignment) -> Callable[[], tuple[int, dict[str, Any]]]:
    """Send what a host sends again until it is taken."""
    at = platform.clock() + timedelta(seconds=1)
    told = {
        "tasks": [{"name": TASK, "state": "running", "cell": 1, "cells": 2}],
        "log": "hello\n",
        "log_offset": 0,
        "used": [{"task": TASK, "at": at.isoformat(), "memory": 64, "cpu_s": 1}],
    }

    def send() -> tuple[int, dict[str, Any]]:
        answer = platform.report(work, "heartbeat", **told)
        return answer.status_code, answer.json()

    return send


def points_of(platform: Platform, work: Assignment) -> list[int]:
    tasks = platform.get(f"/runs/{work.run}/attempts/1/resources").json()["tasks"]
    return [point["memory"] for task in tasks for point in task["points"]]


def log_of(platform: Platform, work: Assignment) -> str:
    return str(platform.get(f"/runs/{work.run}/log").json()["text"])


@pytest.mark.parametrize("what", ["logs", "resources"])
def test_what_cannot_be_written_costs_no_lease_and_is_taken_later(
    platform: Platform,
    work: Assignment,
    beat: Callable[[], tuple[int, dict[str, Any]]],
    what: str,
) -> None:
    in_the_way = unwritable(platform, work, what)
    for _ in range(10):
        platform.clock.pass_time(seconds=3)
        status, body = beat()
        assert (status, body["code"], body["data"]) == (503, "unavailable", {"cancel": False})
        assert "cannot be written (File exists): send it again" in body["detail"]
        assert str(in_the_way) not in body["detail"]
        assert state_of(platform, work) == ("running", "running")
    run = platform.get(f"/runs/{work.run}").json()
    assert (run["cell"], run["cells"]) == (1, 2)

    in_the_way.unlink()
    assert beat()[0] == beat()[0] == 200
    assert log_of(platform, work) == "hello\n"
    assert points_of(platform, work) == [64]


def test_what_can_be_written_is_kept_at_once(
    platform: Platform, work: Assignment, beat: Callable[[], tuple[int, dict[str, Any]]]
) -> None:
    unwritable(platform, work, "logs")
    assert beat()[0] == 503
    assert points_of(platform, work) == [64]


def test_a_host_whose_report_cannot_be_written_learns_that_its_run_was_cancelled(
    platform: Platform, work: Assignment, beat: Callable[[], tuple[int, dict[str, Any]]]
) -> None:
    unwritable(platform, work, "logs")
    platform.post(f"/runs/{work.run}/cancel", {}, "olga")
    status, body = beat()
    assert (status, body["data"]) == (503, {"cancel": True})


def test_nothing_is_written_of_an_attempt_that_another_one_followed(
    platform: Platform, work: Assignment, beat: Callable[[], tuple[int, dict[str, Any]]]
) -> None:
    state_of(platform, work)
    for _ in range(10):
        platform.clock.pass_time(seconds=2)
        seen = state_of(platform, work)
    assert seen[1] == "lost"
    unwritable(platform, work, "logs")
    status, body = beat()
    assert (status, body["code"]) == (409, "conflict")
    assert points_of(platform, work) == []


def test_an_outcome_waits_until_its_log_can_be_written(
    platform: Platform, work: Assignment
) -> None:
    in_the_way = unwritable(platform, work, "logs")
    outcome = {"state": "succeeded", "duration_s": 1, "log": "bye\n", "log_offset": 0}
    answer = platform.report(work, "outcome", **outcome)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert state_of(platform, work) == ("running", "running")
    in_the_way.unlink()
    assert platform.report(work, "outcome", **outcome).status_code == 200
    assert state_of(platform, work) == ("succeeded", "succeeded")
    assert log_of(platform, work) == "bye\n"
