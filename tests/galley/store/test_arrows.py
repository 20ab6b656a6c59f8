"""Every arrow of the three transition tables, and everything that is none."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest
from galley.domain.model import in_words
from galley.domain.runs import ATTEMPT_TRANSITIONS, RUN_TRANSITIONS, AttemptState, RunState
from galley.domain.versions import VERSION_TRANSITIONS, Evidence, VersionState
from galley.errors import Conflict, NotFound
from galley.store import attempt_arrows, audit, events, run_arrows, runs, version_arrows
from galley.store.columns import new_id
from galley.store.many import sent_together
from galley.store.tables import AttemptRow, RunRow, VersionRow
from galley.store.transitions import move
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.galley.world import START, World

EVIDENCE = Evidence(passed=True, started_at=START, duration_s=1, peak_memory=1, cells=1)
KINDS: list[tuple[type[Any], Mapping[Any, frozenset[Any]]]] = [
    (VersionRow, VERSION_TRANSITIONS),
    (RunRow, RUN_TRANSITIONS),
    (AttemptRow, ATTEMPT_TRANSITIONS),
]
PAIRS = [
    (table, arrows, before, after)
    for table, arrows in KINDS
    for before, after in itertools.product(arrows, arrows)
]
LEGAL = [pair for pair in PAIRS if pair[3] in pair[1][pair[2]]]
ILLEGAL = [pair for pair in PAIRS if pair[3] not in pair[1][pair[2]]]


def named(value: object) -> str | None:
    return value.value if isinstance(value, StrEnum) else getattr(value, "__tablename__", "")


@pytest.fixture
def ids(world: World) -> dict[type[Any], Any]:
    version = world.publish()
    work = world.must_claim(author="ana")
    return {VersionRow: version.id, RunRow: work.run, AttemptRow: work.attempt}


def force(world: World, table: type[Any], row_id: object, state: StrEnum) -> None:
    world.write(lambda s: s.execute(update(table).where(table.id == row_id).values(state=state)))


def attempt_move(
    world: World, row_id: Any, table: type[Any], arrows: Any, before: Any, after: Any
) -> Any:
    return world.write(lambda s: move(s, table, row_id, before, after, arrows))


def test_every_legal_arrow_moves_once_and_only_from_its_state(
    world: World, ids: dict[type[Any], Any]
) -> None:
    for table, arrows, before, after in LEGAL:
        row_id = ids[table]
        force(world, table, row_id, before)
        moved = attempt_move(world, row_id, table, arrows, before, after)
        assert moved.state is after
        with pytest.raises(Conflict, match=f"is {in_words(after)}, not {in_words(before)}"):
            attempt_move(world, row_id, table, arrows, before, after)


def test_there_are_no_other_arrows(world: World, ids: dict[type[Any], Any]) -> None:
    for table, arrows, before, after in ILLEGAL:
        with pytest.raises(ValueError, match="no arrow"):
            attempt_move(world, ids[table], table, arrows, before, after)


def test_what_does_not_exist_does_not_move(world: World) -> None:
    with pytest.raises(NotFound, match="no run"):
        world.write(
            lambda s: move(
                s, RunRow, new_id(), RunState.QUEUED, RunState.CANCELLED, RUN_TRANSITIONS
            )
        )


def test_ended_states_are_ended() -> None:
    assert {state for state in RunState if not state.ended} == set(runs.OPEN_RUNS)
    ended = {state for state, after in ATTEMPT_TRANSITIONS.items() if not after}
    assert ended == set(AttemptState) - set(runs.OPEN_ATTEMPTS)


VERSION_ARROWS = [
    (
        VersionState.REHEARSING,
        VersionState.IN_REVIEW,
        lambda s, i: version_arrows.send_to_review(s, i, EVIDENCE, START),
    ),
    (
        VersionState.REHEARSING,
        VersionState.APPROVED,
        lambda s, i: version_arrows.approve_unreviewed(s, i, EVIDENCE, START),
    ),
    (
        VersionState.REHEARSING,
        VersionState.FAILED,
        lambda s, i: version_arrows.fail(s, i, "why", None, START),
    ),
    (
        VersionState.REHEARSING,
        VersionState.WITHDRAWN,
        lambda s, i: version_arrows.close_rehearsed(s, i, EVIDENCE, START),
    ),
    (
        VersionState.IN_REVIEW,
        VersionState.WITHDRAWN,
        lambda s, i: version_arrows.withdraw(s, i, VersionState.IN_REVIEW, "ana", START),
    ),
    (
        VersionState.IN_REVIEW,
        VersionState.APPROVED,
        lambda s, i: version_arrows.approve(s, i, "lee", START),
    ),
    (
        VersionState.IN_REVIEW,
        VersionState.REJECTED,
        lambda s, i: version_arrows.reject(s, i, "lee", "why", START),
    ),
]
RUN_ARROWS = [
    (
        RunState.QUEUED,
        RunState.LAUNCHING,
        lambda s, i: run_arrows.launch(s, i, 1, START),
    ),
    (
        RunState.LAUNCHING,
        RunState.RUNNING,
        lambda s, i: run_arrows.start(s, runs.require(s, i), START),
    ),
    (
        RunState.RUNNING,
        RunState.SUCCEEDED,
        lambda s, i: run_arrows.succeed(s, i, {}, None, START),
    ),
    (
        RunState.RUNNING,
        RunState.FAILED,
        lambda s, i: run_arrows.fail(s, i, RunState.RUNNING, "why", START),
    ),
    (
        RunState.LAUNCHING,
        RunState.TIMED_OUT,
        lambda s, i: run_arrows.time_out(s, i, RunState.LAUNCHING, "why", START),
    ),
    (
        RunState.QUEUED,
        RunState.CANCELLED,
        lambda s, i: run_arrows.cancel(s, i, RunState.QUEUED, "ben", "why", START),
    ),
    (
        RunState.RUNNING,
        RunState.QUEUED,
        lambda s, i: run_arrows.requeue(s, runs.require(s, i), "why", START, START),
    ),
    (
        RunState.TIMED_OUT,
        RunState.QUEUED,
        lambda s, i: run_arrows.retry(s, runs.require(s, i), "ben", START),
    ),
]
ATTEMPT_ARROWS = [
    (
        AttemptState.LEASED,
        AttemptState.RUNNING,
        lambda s, i: attempt_arrows.start(s, runs.require_attempt(s, i), START, START),
    ),
    (
        AttemptState.RUNNING,
        AttemptState.LOST,
        lambda s, i: attempt_arrows.end(s, runs.require_attempt(s, i), AttemptState.LOST, START),
    ),
]


@pytest.mark.parametrize(
    ("table", "before", "after", "arrow"),
    [
        *((VersionRow, *arrow) for arrow in VERSION_ARROWS),
        *((RunRow, *arrow) for arrow in RUN_ARROWS),
        *((AttemptRow, *arrow) for arrow in ATTEMPT_ARROWS),
    ],
    ids=named,
)
def test_each_arrow_leaves_an_audit_line_and_an_event_in_its_transaction(
    world: World,
    ids: dict[type[Any], Any],
    table: type[Any],
    before: StrEnum,
    after: StrEnum,
    arrow: Any,
) -> None:
    row_id = ids[table]
    force(world, table, row_id, before)
    event = world.read(events.latest)

    assert world.write(lambda s: arrow(s, row_id)).state is after

    noun = table.__tablename__.removesuffix("s")
    entry = world.read(lambda s: audit.page(s, "lab")).items[0]
    assert entry.action == f"{noun}.{after}"
    if table is not AttemptRow:
        (told,) = world.read(lambda s: events.after(s, ["lab"], event))
        assert (told.subject, told.data["state"]) == (row_id, str(after))

    def moves_and_fails(session: Any) -> None:
        force_back = update(table).where(table.id == row_id).values(state=before)
        session.execute(force_back)
        arrow(session, row_id)
        raise ZeroDivisionError

    latest = world.read(events.latest)
    with pytest.raises(ZeroDivisionError):
        world.write(moves_and_fails)
    assert world.read(events.latest) == latest
    assert world.read(lambda s: audit.page(s, "lab")).items[0] == entry


def test_the_later_of_two_movers_loses(world: World, ids: dict[type[Any], Any]) -> None:
    force(world, RunRow, ids[RunRow], RunState.QUEUED)
    world.write(lambda s: run_arrows.launch(s, ids[RunRow], 1, START))
    with pytest.raises(Conflict, match="is launching, not queued"):
        world.write(
            lambda s: run_arrows.cancel(s, ids[RunRow], RunState.QUEUED, "ben", "too late", START)
        )


@pytest.mark.parametrize(("state", "tried"), [(RunState.LAUNCHING, 1), (RunState.QUEUED, 2)])
def test_many_are_launched_only_as_they_were_seen(
    world: World, ids: dict[type[Any], Any], state: RunState, tried: int
) -> None:
    """The run was tried once; who saw it queued, and tried ``tried`` times, is refused."""
    run_id = ids[RunRow]
    force(world, RunRow, run_id, state)
    before = world.read(lambda s: audit.page(s, "lab")).items

    def launch(session: Session, tried: int) -> None:
        row = session.get_one(RunRow, run_id)
        seen = SimpleNamespace(
            id=row.id,
            tenant=row.tenant,
            pipeline="churn",
            kind=row.kind,
            trigger=row.trigger,
            requested_by=row.requested_by,
            cancel_requested=row.cancel_requested,
            attempt_count=tried,
        )
        with sent_together(session) as sent:
            run_arrows.launch_all(session, sent, [seen], START)

    with pytest.raises(Conflict, match="changed meanwhile"):
        world.write(lambda s: launch(s, tried))
    assert world.run(run_id).state is state
    assert world.read(lambda s: audit.page(s, "lab")).items == before

    force(world, RunRow, run_id, RunState.QUEUED)
    world.write(lambda s: launch(s, 1))
    assert world.run(run_id).state is RunState.LAUNCHING
