from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from galley.domain.runs import AttemptState, FailureClass, RunKind, RunState
from galley.errors import InvalidInput, NotFound
from galley.store import audit, cursors, events, pipelines, runs, versions
from galley.store.columns import new_id
from galley.store.cursors import encode
from sqlalchemy import event
from sqlalchemy.orm import Session

from tests.galley.stores import ONLY_SQLITE
from tests.galley.world import START, World


def test_a_cursor_comes_back_as_its_key() -> None:
    for key in ("churn", "a-b", "ä"):
        assert cursors.decode(cursors.encode(key)) == key
    row_id = new_id()
    assert cursors.decode_id(cursors.encode(row_id)) == row_id
    assert cursors.decode_number(cursors.encode(17)) == 17


@pytest.mark.parametrize("cursor", ["!", "%%%", "_w", "ä", "A"])
def test_a_cursor_that_is_none_is_refused(world: World, cursor: str) -> None:
    world.publish()
    for page in (
        lambda: world.read(lambda s: runs.page(s, "lab", cursor=cursor)),
        lambda: world.read(lambda s: versions.page(s, "lab", "churn", cursor=cursor)),
        lambda: world.read(lambda s: audit.page(s, "lab", cursor=cursor)),
    ):
        with pytest.raises(InvalidInput, match="not a cursor") as caught:
            page()
        assert caught.value.field == "cursor"


def test_limits_are_kept_sane() -> None:
    assert [cursors.clamp(limit) for limit in (-5, 0, 1, 50, 10**9)] == [1, 1, 1, 50, 200]


def test_pipelines_by_slug_in_pages(world: World) -> None:
    for slug in ("delta", "alpha", "charlie", "bravo"):
        world.publish(slug, name=f"The {slug}", source_path=f"{slug}.ipynb")
    world.publish("zulu", tenant="play")
    first = world.read(lambda s: pipelines.page(s, "lab", limit=3))
    assert [one.slug for one in first.items] == ["alpha", "bravo", "charlie"]
    rest = world.read(lambda s: pipelines.page(s, "lab", limit=3, cursor=first.next_cursor))
    assert ([one.slug for one in rest.items], rest.next_cursor) == (["delta"], None)


@pytest.mark.parametrize(
    ("filters", "slugs"),
    [
        ({"q": "ALPHA"}, ["alpha"]),
        ({"q": "the a"}, ["alpha"]),
        ({"q": "ana"}, ["alpha", "b-100"]),
        ({"q": "100%"}, ["b-100"]),
        ({"q": "%"}, ["b-100"]),
        ({"q": "nothing"}, []),
        ({"source_path": "x/alpha.ipynb"}, ["alpha"]),
        ({"source_path": "alpha.ipynb"}, []),
    ],
)
def test_pipelines_are_found(world: World, filters: dict[str, Any], slugs: list[str]) -> None:
    world.publish("alpha", name="The Alpha", source_path="x/alpha.ipynb")
    world.publish("b-100", name="100% sure")
    found = world.read(lambda s: pipelines.page(s, "lab", **filters))
    assert [one.slug for one in found.items] == slugs


def test_runs_newest_first_in_pages_that_new_runs_do_not_shift(world: World) -> None:
    world.live()
    ids = [world.request().id for _ in range(5)]
    first = world.read(lambda s: runs.page(s, "lab", kind=RunKind.PIPELINE, limit=2))
    assert [one.id for one in first.items] == [ids[4], ids[3]]
    world.request()
    second = world.read(
        lambda s: runs.page(s, "lab", kind=RunKind.PIPELINE, limit=2, cursor=first.next_cursor)
    )
    assert [one.id for one in second.items] == [ids[2], ids[1]]
    assert first.items[0].attempts == ()


def test_runs_by_pipeline_state_and_kind(world: World) -> None:
    world.live("one")
    world.live("two")
    world.request("one")
    wanted = world.request("two")

    def ids(**filters: Any) -> list[object]:
        return [one.id for one in world.read(lambda s: runs.page(s, "lab", **filters)).items]

    assert ids(pipeline="two", kind=RunKind.PIPELINE) == [wanted.id]
    assert len(ids(kind=RunKind.REHEARSAL)) == 2
    assert len(ids(state=RunState.QUEUED)) == 2
    assert len(ids()) == 4
    assert world.read(lambda s: runs.page(s, "play")).items == []
    with pytest.raises(NotFound, match="no pipeline 'nope'"):
        ids(pipeline="nope")


def test_runs_between_two_dates_latest_date_first_in_pages(world: World) -> None:
    world.live()
    day = timedelta(days=1)
    dates = [START + number * day for number in (3, 1, 2, 2, 5)]
    asked = {(date, world.request(logical_date=date).id) for date in dates}
    wanted = sorted((one for one in asked if one[0] < START + 5 * day), reverse=True)

    def listed(**more: Any) -> tuple[list[tuple[datetime, UUID]], str | None]:
        window: dict[str, Any] = {
            "start": START + day,
            "end": START + 5 * day,
            "kind": RunKind.PIPELINE,
        }
        page = world.read(lambda s: runs.page(s, "lab", **window, **more))
        return [(run.logical_date, run.id) for run in page.items], page.next_cursor

    assert listed()[0] == wanted
    first, cursor = listed(limit=2, pipeline="churn")
    second, cursor = listed(limit=2, pipeline="churn", cursor=cursor)
    assert (first + second, cursor) == (wanted, None)
    for broken in (encode("2026-03-02 x"), encode(f"2026-03-02T00:00:00 {wanted[0][1]}")):
        with pytest.raises(InvalidInput, match="not a cursor"):
            listed(cursor=broken)


@ONLY_SQLITE
def test_every_list_of_runs_goes_along_an_index(world: World) -> None:
    world.live()
    filters: list[dict[str, Any]] = [
        {},
        {"state": RunState.FAILED},
        {"kind": RunKind.PIPELINE},
        {"start": START},
        {"start": START, "end": START, "state": RunState.FAILED},
        {"cursor": encode(new_id())},
        {"start": START, "cursor": encode(f"{START.isoformat()} {new_id()}")},
    ]
    for given in filters:
        for pipeline in (None, "churn"):
            plans = world.read(partial(_plans, pipeline=pipeline, **given))
            assert all("USE TEMP B-TREE" not in plan for plan in plans), (pipeline, given, plans)
            assert all("SCAN runs" not in plan for plan in plans), (pipeline, given, plans)


def _plans(session: Session, **given: Any) -> list[str]:
    """Return how SQLite goes about a list of runs."""
    plans: list[str] = []

    def explain(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "FROM runs" in statement and not statement.startswith("EXPLAIN"):
            raw = session.connection().connection.cursor()
            raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in raw.fetchall())

    engine = session.get_bind()
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by how much there is: with nothing it scans")
    event.listen(engine, "before_cursor_execute", explain)
    try:
        runs.page(session, "lab", **given)
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    assert plans
    return plans


def test_runs_are_counted_by_tenant_and_state(world: World) -> None:
    world.live()
    world.request()
    assert world.read(runs.counts) == {
        ("lab", RunState.SUCCEEDED): 1,
        ("lab", RunState.QUEUED): 1,
    }


def test_attempts_are_found_by_number(world: World) -> None:
    version = world.live()
    run = world.request()
    with pytest.raises(NotFound, match="no attempt yet"):
        world.read(lambda s: runs.attempt_by_number(s, run.id))
    first = world.must_claim()
    world.finish(first, AttemptState.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
    world.later(seconds=10)
    second = world.must_claim()

    latest = world.read(lambda s: runs.attempt_by_number(s, run.id))
    assert (latest.id, latest.ended, latest.project) == (second.attempt, False, "project-1")
    assert (latest.pipeline, latest.version_id, latest.kind) == (
        "churn",
        version.id,
        RunKind.PIPELINE,
    )
    earlier = world.read(lambda s: runs.attempt_by_number(s, run.id, 1))
    assert (earlier.id, earlier.ended) == (first.attempt, True)
    with pytest.raises(NotFound, match="no attempt 3"):
        world.read(lambda s: runs.attempt_by_number(s, run.id, 3))


def test_executed_notebooks_are_kept_by_attempt_and_task(world: World) -> None:
    world.live()
    run = world.request()
    work = world.must_claim()
    world.write(lambda s: runs.attach_notebook(s, work.attempt, "churn", "blob", world.now))
    assert world.read(lambda s: runs.notebook(s, run.id, "churn")) == "blob"
    assert world.read(lambda s: runs.notebook(s, run.id, "churn", 1)) == "blob"
    assert world.read(lambda s: runs.notebook(s, run.id, "other")) is None
    assert world.run(run.id).attempts[0].tasks[0].notebook


def test_what_is_not_there_is_not_found(world: World) -> None:
    unknown = new_id()
    for question in (
        lambda: world.run(unknown),
        lambda: world.version(unknown),
        lambda: world.read(lambda s: runs.attempt(s, unknown)),
        lambda: world.read(lambda s: versions.page(s, "lab", "nope")),
        lambda: world.read(lambda s: pipelines.get(s, "lab", "nope")),
    ):
        with pytest.raises(NotFound):
            question()


def test_the_trail_in_pages_by_tenant(world: World) -> None:
    world.publish()
    world.publish(tenant="play")
    first = world.read(lambda s: audit.page(s, "lab", limit=1))
    second = world.read(lambda s: audit.page(s, "lab", limit=1, cursor=first.next_cursor))
    assert [one.action for one in (*first.items, *second.items)] == [
        "run.queued",
        "version.published",
    ]
    assert second.next_cursor is None
    assert {one.tenant for one in (*first.items, *second.items)} == {"lab"}


def test_events_after_an_id_by_tenant(world: World) -> None:
    world.publish()
    middle = world.read(events.latest)
    world.publish(tenant="play")
    world.publish("other")
    found = world.read(lambda s: events.after(s, ["lab"], middle))
    assert [one.pipeline for one in found] == ["other"] * len(found)
    assert [one.id for one in found] == sorted(one.id for one in found)
    assert len(world.read(lambda s: events.after(s, ["lab", "play"], 0, limit=2))) == 2
    assert world.read(lambda s: events.after(s, [], 0)) == []
