"""Triggers: setting them, no circles, and pipelines upstream."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from galley import dispatch
from galley.domain.runs import AttemptState, FailureClass, Run, RunState, TriggerKind
from galley.domain.triggers import Trigger, TriggerChange, TriggerFiring, TriggerRequest
from galley.errors import Conflict, InvalidInput, NotFound
from galley.schedule import triggers as control
from galley.schedule import upstream
from galley.store import audit, events, pipelines, runs, trigger_firings, triggers
from galley.store.trigger_tables import TriggerRow, TriggerSuccessRow
from sqlalchemy import func, select

from tests.galley.world import ERROR, START, World, tenants_with

DATE = START - timedelta(hours=5)


def add(
    world: World,
    slug: str,
    *upstreams: str,
    name: str = "after",
    deadline_s: int | None = None,
    **parameters: Any,
) -> Trigger:
    request = TriggerRequest.model_validate(
        {
            "name": name,
            "source": {"type": "upstream", "pipelines": upstreams},
            "parameters": parameters,
            "deadline_s": deadline_s,
        }
    )
    return world.write(
        lambda s: triggers.get(s, control.add(s, "lab", slug, request, "lee", world.now))
    )


def hear(world: World) -> list[UUID]:
    return world.write(lambda s: upstream.step(s, world.tenants, world.now))


def fired(world: World, slug: str) -> list[Run]:
    page = world.read(lambda s: runs.page(s, "lab", pipeline=slug))
    return [run for run in page.items if run.trigger is TriggerKind.UPSTREAM]


def log(world: World, trigger: Trigger) -> list[TriggerFiring]:
    return world.read(lambda s: trigger_firings.page(s, trigger.id)).items


def succeed(world: World, slug: str, **fields: Any) -> Run:
    world.request(slug, **{"logical_date": DATE, **fields})
    return go(world, slug)


def go(world: World, slug: str) -> Run:
    """Run what waits longest, which must be of this pipeline."""
    work = world.must_claim()
    assert work.pipeline == slug
    world.start(work)
    return world.finish(work)


@pytest.fixture
def three(world: World) -> World:
    for slug in ("orders", "stock", "report"):
        world.live(slug, content=slug)
    return world


def test_a_success_upstream_runs_the_same_date_once(three: World) -> None:
    trigger = add(three, "report", "orders", deadline_s=600, rounds=9)
    cause = succeed(three, "orders")
    assert three.read(lambda s: upstream.successes_wait(s, three.tenants))
    (run_id,) = hear(three)
    assert not three.read(lambda s: upstream.successes_wait(s, three.tenants))
    run = three.run(run_id)
    assert (run.state, run.trigger, run.pipeline) == (
        RunState.QUEUED,
        TriggerKind.UPSTREAM,
        "report",
    )
    assert run.logical_date == DATE
    assert run.deadline == three.now + timedelta(seconds=600)
    assert (run.data_interval_start, run.data_interval_end) == (
        cause.data_interval_start,
        cause.data_interval_end,
    )
    assert run.parameters["rounds"] == 9
    assert run.cause is not None
    assert (run.cause.id, run.cause.name) == (trigger.id, "after")
    assert run.cause.detail == {"upstream": {"orders": str(cause.id)}}
    (firing,) = log(three, trigger)
    assert (firing.run, firing.cause, firing.reason) == (run_id, run.cause.detail, None)
    go(three, "report")
    three.later(hours=1)
    succeed(three, "orders")
    assert three.read(lambda s: upstream.successes_wait(s, three.tenants))
    assert hear(three) == [], "a date that is run again upstream is not doubled"
    assert len(fired(three, "report")) == 1


def test_templates_follow_the_time_of_the_run(three: World) -> None:
    add(three, "report", "orders", rounds='{{ logical_date | date("%d") }}')
    succeed(three, "orders")
    (run_id,) = hear(three)
    assert three.run(run_id).parameters["rounds"] == DATE.day


def test_several_upstream_must_all_have_succeeded_for_the_date(three: World) -> None:
    trigger = add(three, "report", "orders", "stock")
    first = succeed(three, "orders")
    assert hear(three) == []
    succeed(three, "stock", logical_date=DATE - timedelta(days=1))
    assert hear(three) == []
    second = succeed(three, "stock")
    assert len(hear(three)) == 1
    (firing,) = log(three, trigger)
    assert firing.cause == {"upstream": {"orders": str(first.id), "stock": str(second.id)}}


def test_what_is_no_success_of_the_pipeline_fires_nothing(three: World) -> None:
    add(three, "report", "orders")
    three.request("orders", logical_date=DATE)
    work = three.must_claim()
    three.start(work)
    three.finish(work, AttemptState.FAILED, failure_class=FailureClass.USER, error=ERROR)
    three.rehearse(three.publish("orders", content="again"))
    assert hear(three) == []


def test_a_success_that_nobody_has_looked_at_survives_a_kill(three: World) -> None:
    add(three, "report", "orders")
    succeed(three, "orders")

    def killed(session: Any) -> None:
        assert len(upstream.step(session, three.tenants, three.now)) == 1
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        three.write(killed)
    assert fired(three, "report") == []
    assert len(hear(three)) == 1


def test_a_chain_goes_on_by_itself(three: World) -> None:
    add(three, "stock", "orders")
    add(three, "report", "stock")
    succeed(three, "orders")
    for slug in ("stock", "report"):
        (run_id,) = hear(three)
        work = three.must_claim()
        assert (work.run, work.pipeline) == (run_id, slug)
        three.start(work)
        three.finish(work)
    assert {run.logical_date for run in fired(three, "report")} == {DATE}


def test_circles_are_refused_with_the_way(three: World) -> None:
    add(three, "stock", "orders")
    paused = add(three, "report", "stock")
    three.write(lambda s: control.pause(s, "lab", "report", paused.name, "lee", three.now))
    before = three.read(events.latest)
    with pytest.raises(InvalidInput, match="orders → stock → report → orders") as caught:
        add(three, "orders", "report")
    assert caught.value.field == "source.pipelines"
    with pytest.raises(InvalidInput, match="orders → orders"):
        add(three, "orders", "orders")
    assert three.read(events.latest) == before
    three.write(lambda s: control.remove(s, "lab", "report", "after", "lee", three.now))
    assert add(three, "orders", "report").pipeline == "orders"


def test_pausing_is_exact_and_nothing_is_caught_up(three: World) -> None:
    trigger = add(three, "report", "orders")

    def do(what: Any) -> Trigger:
        done: Trigger = three.write(lambda s: what(s, "lab", "report", "after", "max", three.now))
        return done

    succeed(three, "orders", logical_date=DATE - timedelta(days=1))
    paused = do(control.pause)
    assert hear(three) == [], "it was paused before anybody looked"
    assert (paused.paused, paused.paused_by) == (True, "max")
    with pytest.raises(Conflict, match="paused already, by max"):
        do(control.pause)
    succeed(three, "orders")
    assert hear(three) == []
    do(control.resume)
    with pytest.raises(Conflict, match="not paused"):
        do(control.resume)
    assert hear(three) == []
    succeed(three, "orders", logical_date=DATE + timedelta(days=1))
    assert len(hear(three)) == 1
    lines = three.read(lambda s: audit.page(s, "lab")).items
    actions = [(one.action, one.actor) for one in lines if one.action.startswith("trigger")]
    assert actions == [
        ("trigger.fired", "galley"),
        ("trigger.resumed", "max"),
        ("trigger.paused", "max"),
        ("trigger.set", "lee"),
    ]
    assert lines[-1].detail is not None
    assert trigger.id == paused.id


def test_wordings_are_versioned_and_kept(three: World) -> None:
    first = add(three, "report", "orders")
    change = TriggerChange.model_validate(
        {"source": {"type": "upstream", "pipelines": ["stock"]}, "parameters": {"rounds": 2}}
    )
    succeed(three, "orders", logical_date=DATE - timedelta(days=1))
    three.later(hours=1)
    second = three.write(
        lambda s: control.change(s, "lab", "report", "after", change, "lee", three.now)
    )
    assert (second.id, second.since, second.parameters) == (first.id, three.now, {"rounds": 2})
    succeed(three, "orders")
    assert hear(three) == []
    three.write(lambda s: control.remove(s, "lab", "report", "after", "lee", three.now))
    assert three.read(lambda s: triggers.of_tenant(s, "lab")) == []
    assert three.read(lambda s: s.scalar(select(func.count()).select_from(TriggerRow))) == 2
    with pytest.raises(NotFound, match="no trigger 'after'"):
        three.write(lambda s: control.remove(s, "lab", "report", "after", "lee", three.now))
    other = TriggerChange.model_validate({"source": {"type": "webhook"}})
    add(three, "report", "orders")
    with pytest.raises(InvalidInput, match="of type upstream and stays one"):
        three.write(lambda s: control.change(s, "lab", "report", "after", other, "lee", three.now))


def test_a_success_from_before_a_change_is_heard_by_the_wording_after_it(three: World) -> None:
    trigger = add(three, "report", "orders")
    succeed(three, "orders")
    for rounds in (2, 4):
        wanted = TriggerChange(source=trigger.source, parameters={"rounds": rounds})
        change = partial(
            control.change,
            tenant="lab",
            slug="report",
            name="after",
            request=wanted,
            by="lee",
            now=three.now,
        )
        three.write(change)
    (run_id,) = hear(three)
    assert three.run(run_id).parameters["rounds"] == 4
    assert [one.run for one in log(three, trigger)] == [run_id]


def test_a_change_that_says_the_same_is_none(three: World) -> None:
    trigger = add(three, "report", "orders", rounds=2)
    before = three.read(events.latest)
    three.later(hours=1)
    same = TriggerChange(source=trigger.source, parameters=trigger.parameters)
    after = three.write(
        lambda s: control.change(s, "lab", "report", "after", same, "max", three.now)
    )
    assert after == trigger
    assert three.read(events.latest) == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "No Slug"}, "name"),
        ({"upstreams": ["nowhere"]}, "source.pipelines"),
        ({"rounds": "many"}, "parameters.rounds"),
        ({"beta": 1}, "parameters.beta"),
        ({"logical_date": "{{ logical_date.year }}"}, "parameters.logical_date"),
        ({"logical_date": "{{ previous_success | date }}"}, "parameters.logical_date"),
        ({"rounds": "{{ logical_date | date }}"}, "parameters.rounds"),
    ],
)
def test_bad_input_names_its_field_and_changes_nothing(
    three: World, fields: dict[str, Any], field: str
) -> None:
    before = three.read(events.latest)
    given = {name: value for name, value in fields.items() if name != "upstreams"}
    with pytest.raises(InvalidInput) as caught:
        add(three, "report", *fields.get("upstreams", ["orders"]), **given)
    assert caught.value.field == field
    assert three.read(events.latest) == before


def test_a_name_is_used_once_and_pipelines_stay_in_their_tenant(three: World) -> None:
    add(three, "report", "orders")
    with pytest.raises(Conflict, match="'after' already"):
        add(three, "report", "stock")
    three.live("elsewhere", tenant="play", content="elsewhere")
    with pytest.raises(InvalidInput, match="no pipeline 'elsewhere' in tenant 'lab'"):
        add(three, "report", "elsewhere", name="other")


def test_without_a_live_version_the_firing_is_kept_with_its_reason(three: World) -> None:
    three.publish("draft", content="draft")
    trigger = add(three, "draft", "orders")
    succeed(three, "orders")
    assert hear(three) == []
    (firing,) = log(three, trigger)
    assert (firing.run, firing.reason) == (None, "the pipeline has no live version")


def test_a_run_that_cannot_have_its_parameters_fails_with_the_reason(three: World) -> None:
    trigger = add(three, "report", "orders")
    succeed(three, "orders")
    three.tenants = tenants_with("lab", parameters={"rounds": "seven"})
    (run_id,) = hear(three)
    assert three.run(run_id).state is RunState.FAILED
    assert "does not fit" in str(log(three, trigger)[0].reason)


def test_a_retried_run_fires_once(three: World) -> None:
    add(three, "report", "orders")
    three.request("orders", logical_date=DATE)
    work = three.must_claim()
    three.start(work)
    failed = three.finish(work, AttemptState.FAILED, failure_class=FailureClass.USER, error=ERROR)
    three.write(lambda s: dispatch.retry(s, failed.id, "ana", three.now))
    work = three.must_claim()
    three.start(work)
    three.finish(work)
    assert len(hear(three)) == 1
    waiting = select(func.count()).select_from(TriggerSuccessRow)
    assert three.read(lambda s: s.scalar(waiting)) == 0
    found = three.read(lambda s: pipelines.require(s, "lab", "report"))
    assert three.read(lambda s: triggers.count(s, found.id)) == 1
