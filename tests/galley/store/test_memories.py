"""Idempotency keys, sign-ins, liveness, and forgetting them."""

from __future__ import annotations

from datetime import datetime

import pytest
from galley.errors import Conflict
from galley.store import Store, audit, events, housekeeping, idempotency, liveness, oauth_states
from galley.store import tokens as token_store
from galley.store.columns import new_id
from galley.store.tokens import HostIdentity
from sqlalchemy import text

from tests.galley.world import START, World


def test_a_repeated_request_gets_the_first_answer(store: Store) -> None:
    assert store.read(lambda s: idempotency.replay(s, "ana", "k", "f")) is None
    store.write(lambda s: idempotency.remember(s, "ana", "k", "f", 201, {"id": 1}, START))
    answer = store.read(lambda s: idempotency.replay(s, "ana", "k", "f"))
    assert answer is not None
    assert (answer.status, answer.body) == (201, {"id": 1})
    assert store.read(lambda s: idempotency.replay(s, "ben", "k", "f")) is None


def test_a_key_is_for_one_request(store: Store) -> None:
    store.write(lambda s: idempotency.remember(s, "ana", "k", "f", 201, None, START))
    with pytest.raises(Conflict, match="different request"):
        store.read(lambda s: idempotency.replay(s, "ana", "k", "other"))


def test_a_sign_in_is_good_for_once_and_for_ten_minutes(world: World) -> None:
    world.write(lambda s: oauth_states.put(s, "a", {"next": "/x"}, world.now))
    world.write(lambda s: oauth_states.put(s, "b", {}, world.now))
    assert world.read(lambda s: oauth_states.get(s, "a", world.now)) == {"next": "/x"}
    assert world.write(lambda s: oauth_states.pop(s, "a", world.now)) == {"next": "/x"}
    assert world.write(lambda s: oauth_states.pop(s, "a", world.now)) is None
    world.later(minutes=10)
    assert world.read(lambda s: oauth_states.get(s, "b", world.now)) is None
    assert world.write(lambda s: oauth_states.pop(s, "b", world.now)) is None


def test_a_loop_tells_when_it_was_there_before(world: World) -> None:
    assert world.write(lambda s: liveness.tick(s, "x", world.now)) is None
    later = world.later(seconds=5)
    assert world.write(lambda s: liveness.tick(s, "x", later)) == START
    assert world.read(lambda s: liveness.last(s, "x")) == later
    assert world.read(lambda s: liveness.last(s, "y")) is None


def test_tidying_forgets_what_is_over_and_nothing_else(world: World) -> None:
    world.publish()
    host = HostIdentity(tenant="lab")
    world.write(lambda s: token_store.mint_host(s, host, world.now))
    world.write(lambda s: token_store.revoke_host(s, host, world.now))
    kept = world.write(lambda s: token_store.mint_host(s, host, world.now, replace=False))
    world.write(lambda s: oauth_states.put(s, "a", {}, world.now))
    world.write(lambda s: idempotency.remember(s, "ana", "k", "f", 201, None, world.now))
    trail = world.read(lambda s: audit.page(s, "lab"))
    last = world.read(events.latest)

    world.later(days=8)
    world.publish("other")
    world.write(lambda s: housekeeping.tidy(s, world.now))

    def count(table: str) -> int | None:
        found: int | None = world.read(lambda s: s.scalar(text(f"SELECT count(*) FROM {table}")))
        return found

    assert (count("tokens"), count("oauth_states"), count("idempotency_keys")) == (1, 0, 0)
    assert world.read(lambda s: token_store.find(s, kept, world.now))
    left = world.read(lambda s: events.after(s, ["lab"], 0))
    assert left
    assert all(one.id > last for one in left)
    after = world.read(lambda s: audit.page(s, "lab"))
    assert after.items[-len(trail.items) :] == trail.items


def test_event_ids_are_never_used_again(world: World) -> None:
    world.publish()
    last = world.read(events.latest)
    world.write(lambda s: s.execute(text("DELETE FROM events")))
    world.publish("other")
    assert all(one.id > last for one in world.read(lambda s: events.after(s, ["lab"], 0)))


def test_a_time_without_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="no time zone"):
        store.write(lambda s: liveness.tick(s, "x", datetime(2026, 1, 1)))  # noqa: DTZ001


def test_ids_grow_with_time() -> None:
    ids = [new_id() for _ in range(100)]
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}
