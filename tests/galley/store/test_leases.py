from __future__ import annotations

import pytest
from galley.store import Store, leases
from galley.store.leases import Lease, LostLease
from sqlalchemy.orm import Session

from tests.galley.world import START


def claim(store: Store, holder: str, last: Lease | None) -> int | None:
    return store.write(lambda s: leases.claim(s, "scheduler", holder, last, START))


def current(store: Store) -> Lease:
    return store.read(leases.seen)["scheduler"]


def test_the_first_one_gets_it(store: Store) -> None:
    assert store.read(leases.seen) == {}
    assert claim(store, "a", None) == 1
    assert claim(store, "b", None) is None
    assert current(store) == Lease(name="scheduler", holder="a", token=1, beat=0)


def test_it_is_taken_over_only_as_it_was_seen(store: Store) -> None:
    claim(store, "a", None)
    last = current(store)
    assert store.write(lambda s: leases.renew(s, {"scheduler": 1}, START)) == {"scheduler"}
    assert claim(store, "b", last) is None, "its holder lives"
    last = current(store)
    assert claim(store, "b", last) == 2
    assert claim(store, "c", last) is None, "b was faster"


def test_who_lost_it_can_neither_renew_nor_work_nor_give_it_back(store: Store) -> None:
    claim(store, "a", None)
    claim(store, "b", current(store))
    done: list[int] = []

    def work(session: Session) -> None:
        leases.require(session, "scheduler", 1)
        done.append(1)

    with pytest.raises(LostLease, match="'scheduler'"):
        store.write(work)
    assert done == []
    store.write(lambda s: leases.claim(s, "reaper", "a", None, START))
    held = {"scheduler": 1, "reaper": 1}
    assert store.write(lambda s: leases.renew(s, held, START)) == {"reaper"}
    assert not store.write(lambda s: leases.release(s, "scheduler", 1, START))
    assert current(store).holder == "b"
    store.write(lambda s: leases.require(s, "scheduler", 2))


def test_what_is_given_back_has_no_holder_and_a_new_token(store: Store) -> None:
    claim(store, "a", None)
    assert store.write(lambda s: leases.release(s, "scheduler", 1, START))
    assert (current(store).holder, current(store).token) == (leases.NOBODY, 2)
    with pytest.raises(LostLease):
        store.write(lambda s: leases.require(s, "scheduler", 1))
