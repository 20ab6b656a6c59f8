from __future__ import annotations

from typing import Any

import pytest
from galley import review
from galley.domain.reviews import Verdict
from galley.domain.runs import AttemptState, FailureClass, RunKind, RunState, TriggerKind
from galley.domain.tenants import Gate
from galley.domain.versions import Check, Severity, VersionState
from galley.errors import Conflict, Forbidden, InvalidInput, PublicError
from galley.store import audit, events, pipelines, versions

from tests.galley.world import ANALYSIS, START, TENANTS, World, request_of, tenants_with


def test_publishing_records_the_version_and_queues_its_rehearsal(world: World) -> None:
    version = world.publish(
        description="Who leaves", goal={"metric": "auc", "threshold": 0.8}, source_path="a/c.ipynb"
    )

    assert (version.number, version.state, version.author) == (1, VersionState.REHEARSING, "ana")
    assert [gate.passed for gate in version.gates] == [False, False]
    assert version.profile == "small"
    assert not version.live
    assert version.rehearsal_run is not None
    run = world.run(version.rehearsal_run)
    assert (run.kind, run.trigger, run.state) == (
        RunKind.REHEARSAL,
        TriggerKind.REHEARSAL,
        RunState.QUEUED,
    )
    assert run.requested_by == "ana"
    pipeline = world.read(lambda s: pipelines.get(s, "lab", "churn"))
    assert (pipeline.owner, pipeline.live_version, pipeline.latest_version) == ("ana", None, 1)
    assert pipeline.source_path == "a/c.ipynb"
    assert pipeline.goal is not None
    assert pipeline.goal.threshold == 0.8


def test_a_rehearsal_takes_values_from_notebook_tenant_and_request_in_that_order(
    world: World,
) -> None:
    notebook: dict[str, Any] = {
        "cells": [
            {
                "cell_type": "code",
                "metadata": {"tags": ["parameters"]},
                "source": "rounds: int = 3\nname: str = 'a'",
            },
            {"cell_type": "code", "metadata": {}, "source": "print(rounds)"},
        ],
        "metadata": {"galley": {"rehearsal_parameters": {"rounds": 1, "name": "cheap"}}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    version = world.publish(
        notebook=notebook, defaults={"name": "mine"}, rehearsal_parameters={"name": "asked"}
    )

    assert version.rehearsal_run is not None
    run = world.run(version.rehearsal_run)
    assert run.parameters == {
        "rounds": 1,
        "name": "asked",
        "logical_date": START.isoformat(),
        "data_interval_start": START.isoformat(),
    }


def test_publishing_again_makes_the_next_version(world: World) -> None:
    world.publish(content="1")
    second = world.publish(content="2")

    assert second.number == 2
    page = world.read(lambda s: versions.page(s, "lab", "churn"))
    assert [version.number for version in page.items] == [2, 1]


REFUSALS: list[tuple[dict[str, Any], type[PublicError], str | None, str]] = [
    ({"slug": "Bad Name"}, InvalidInput, "slug", "bad-name"),
    ({"author": "eye"}, Forbidden, None, "may not publish"),
    ({"author": "stranger"}, Forbidden, None, "may not publish"),
    ({"owner": "nobody"}, InvalidInput, "owner", "ana, ben"),
    ({"profile": "giant"}, InvalidInput, "profile", "small, large"),
    ({"profile": "huge"}, InvalidInput, "profile", "needs 64 CPU cores; all runs of the tenant"),
    ({"schedule": {"cron": "61 * * * *"}}, InvalidInput, "schedule.cron", "minute"),
    ({"schedule": {"cron": "0 0 31 2 *"}}, InvalidInput, "schedule.cron", "never fires"),
    (
        {"schedule": {"cron": "@daily", "end": "2020-01-01T00:00Z"}},
        InvalidInput,
        "schedule.end",
        "never fires from now on",
    ),
    (
        {"schedule": {"cron": "@daily", "parameters": {"rounds": "{{ run_id }}"}}},
        InvalidInput,
        "schedule.parameters.rounds",
        "expected a whole number",
    ),
    (
        {"schedule": {"cron": "@daily", "timezone": "Europe/Berln"}},
        InvalidInput,
        "schedule.timezone",
        "Europe/Berlin",
    ),
    ({"defaults": {"rounds": "many"}}, InvalidInput, "defaults.rounds", "rounds"),
    ({"defaults": {"round": 1}}, InvalidInput, "defaults.round", "rounds"),
    ({"rehearsal_parameters": {"x": 1}}, InvalidInput, "rehearsal_parameters.x", "'x'"),
]


@pytest.mark.parametrize(("fields", "error", "where", "words"), REFUSALS)
def test_refused_publishing_says_why_and_changes_nothing(
    world: World, fields: dict[str, Any], error: type[PublicError], where: str | None, words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        world.publish(**fields)

    assert caught.value.field == where
    assert world.read(lambda s: pipelines.page(s, "lab")).items == []
    assert world.read(events.latest) == 0


def test_errors_of_the_analysis_stop_publishing(world: World) -> None:
    check = Check(code="empty", severity=Severity.ERROR, message="the notebook has no code")
    with pytest.raises(InvalidInput, match="no code") as caught:
        world.publish(analysis=ANALYSIS.model_copy(update={"checks": (check,)}))
    assert caught.value.data["checks"][0]["code"] == "empty"


def test_a_name_of_somebody_else_needs_to_be_continued_on_purpose(world: World) -> None:
    world.publish(author="ana", content="1")
    with pytest.raises(Conflict, match="'ana' owns") as caught:
        world.publish(author="ben", content="2")
    assert (caught.value.field, caught.value.data["owner"]) == ("slug", "ana")
    with pytest.raises(Conflict):
        world.publish(author="ben", content="2", continues=False)

    assert world.publish(author="ben", content="2", continues=True).number == 2
    assert world.publish(author="ben", content="3").number == 3  # it is his as well by now
    assert world.read(lambda s: pipelines.owner_of(s, "lab", "churn")) == "ana"


def test_the_same_name_in_another_tenant_is_another_pipeline(world: World) -> None:
    world.publish()
    assert world.publish(tenant="play").number == 1


def test_identical_content_is_refused_while_it_is_under_way_or_live(world: World) -> None:
    version = world.publish()
    with pytest.raises(Conflict, match="is being rehearsed"):
        world.publish()
    version = world.rehearse(version)
    with pytest.raises(Conflict, match="is in review"):
        world.publish()
    world.approve(version)
    with pytest.raises(Conflict, match="is live") as caught:
        world.publish()
    assert caught.value.data["version"] == 1

    world.live(content="2")
    assert world.publish(content="1").number == 3  # no longer live: it may come again


def test_approved_content_that_waits_to_be_deployed_is_refused(world: World) -> None:
    manual = TENANTS.tenants["lab"].review.model_copy(update={"deploy": "manual"})
    world.tenants = tenants_with("lab", review=manual)
    world.live()
    with pytest.raises(Conflict, match="waits to be deployed"):
        world.publish()


@pytest.mark.parametrize("end", ["rejected", "withdrawn", "failed"])
def test_content_that_did_not_make_it_may_be_published_again(world: World, end: str) -> None:
    version = world.publish()
    if end == "failed":
        world.finish(
            world.must_claim(author="ana"), AttemptState.FAILED, failure_class=FailureClass.USER
        )
    elif end == "withdrawn":
        world.write(lambda s: review.withdraw(s, version.id, "ana", world.now))
    else:
        world.decide(world.rehearse(version), Gate.LEAD, "lee", Verdict.REJECT)

    assert world.version(version.id).state == VersionState(end)
    assert world.publish().number == 2


def test_another_schedule_alone_is_reviewed_as_a_version_of_its_own(world: World) -> None:
    world.live(schedule={"cron": "@daily"})
    assert world.publish(schedule={"cron": "@hourly"}).number == 2


def test_check_publish_refuses_the_same_and_changes_nothing(world: World) -> None:
    world.publish()
    before = world.read(events.latest)
    digest = world.read(lambda s: versions.by_number(s, "lab", "churn", 1)).digest

    def check(digest: str | None) -> None:
        world.read(
            lambda s: review.check_publish(
                s, "lab", world.tenant(), "churn", "ana", request_of(), ANALYSIS, digest, world.now
            )
        )

    with pytest.raises(Conflict):
        check(digest)
    check(None)
    assert world.read(events.latest) == before


def test_while_nothing_is_live_the_pipeline_says_what_the_latest_version_says(
    world: World,
) -> None:
    world.publish(content="1", name="First")
    world.publish(content="2", name="Second", owner="ben")
    pipeline = world.read(lambda s: pipelines.get(s, "lab", "churn"))
    assert (pipeline.name, pipeline.owner) == ("Second", "ben")


def test_once_live_the_pipeline_says_what_the_live_version_says(world: World) -> None:
    world.live(content="1", name="First")
    world.publish(content="2", name="Second")
    assert world.read(lambda s: pipelines.get(s, "lab", "churn")).name == "First"


def test_publishing_is_audited(world: World) -> None:
    world.publish()
    entries = world.read(lambda s: audit.page(s, "lab")).items
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("ana", "run.queued"),
        ("ana", "version.published"),
    ]
