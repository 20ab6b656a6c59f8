from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from galley import dispatch
from galley.domain.tenants import Tenants
from galley.domain.work import Assignment
from galley.errors import Unavailable
from galley.service.claims import Claims
from galley.store import drains
from galley.store.tokens import HostIdentity
from galley.vault import Vault
from sqlalchemy.orm import Session

from tests.galley.stores import (
    cluster,
    database,
    empty_database,
    shared_database,
    shared_store,
    store,
    store_kind,
    world,
)
from tests.galley.world import TENANTS, World, tenants_with

__all__ = [
    "cluster",
    "database",
    "empty_database",
    "shared_database",
    "shared_store",
    "store",
    "store_kind",
    "world",
]

LAB, PLAY = HostIdentity(tenant="lab"), HostIdentity(tenant="play")


@pytest.fixture
def claims(world: World, tmp_path: Path) -> Claims:
    limits = TENANTS.tenants["lab"].limits.model_copy(
        update={"cpu": 99.0, "memory": 2**40, "concurrent_runs": 3}
    )
    world.tenants = tenants_with("lab", limits=limits)
    return Claims(world.store, lambda: world.tenants, Vault(tmp_path / "keys"), lambda: world.now)


def ask(
    claims: Claims, *hosts: tuple[HostIdentity, str]
) -> list[Assignment | BaseException | None]:
    async def work() -> list[Assignment | BaseException | None]:
        return await asyncio.gather(
            *(claims.take(host, name) for host, name in hosts), return_exceptions=True
        )

    return asyncio.run(work())


def runs_of(found: Sequence[Assignment | BaseException | None]) -> list[UUID | None]:
    return [one.run if isinstance(one, Assignment) else None for one in found]


def test_who_asks_at_the_same_time_shares_a_write(
    world: World, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.live()
    world.live(tenant="play")
    wanted = [world.request() for _ in range(4)]
    other = world.request(tenant="play")
    writes: list[Callable[[Session], Any]] = []
    write = world.store.write

    def counted(work: Callable[[Session], Any]) -> Any:
        writes.append(work)
        return write(work)

    monkeypatch.setattr(world.store, "write", counted)
    hosts = [(LAB, f"h{number}@m") for number in range(5)]
    found = ask(claims, *hosts[:2], (PLAY, "p@m"), *hosts[2:])
    first, second, third, _ = (run.id for run in wanted)
    assert runs_of(found) == [first, second, other.id, third, None, None]
    assert len(writes) == 2, "one that notes the hosts, and one that claims for all"
    assert runs_of(ask(claims, hosts[0])) == [None]
    assert len(writes) == 2, "looking writes nothing"


def test_a_database_that_is_away_is_told_to_all_at_once(
    claims: Claims, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def away(work: object) -> None:
        asked.append(work)
        raise Unavailable("The database does not answer.")

    monkeypatch.setattr(world.store, "read", away)
    found = ask(claims, (LAB, "a@m"), (LAB, "b@m"), (PLAY, "c@m"))
    assert [type(one) for one in found] == [Unavailable] * 3
    assert len(asked) == 1


def test_a_drained_host_gets_nothing_beside_another_one(world: World, claims: Claims) -> None:
    world.live()
    run = world.request()
    world.write(lambda s: drains.begin(s, "away", ("lab",), "olga", world.now))
    assert runs_of(ask(claims, (LAB, "a@away"))) == [None]
    assert runs_of(ask(claims, (LAB, "a@away"), (LAB, "a@here"))) == [None, run.id]


def test_what_fails_for_one_host_holds_up_no_other(
    world: World, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.live()
    world.live(tenant="play")
    run = world.request()
    world.request(tenant="play")
    claim_all = dispatch.claim_all

    def broken(session: Session, tenants: Tenants, host: HostIdentity, *rest: Any) -> Any:
        if host == PLAY:
            raise RuntimeError("the version cannot be read")
        return claim_all(session, tenants, host, *rest)

    monkeypatch.setattr(dispatch, "claim_all", broken)
    failed, mine = ask(claims, (PLAY, "p@m"), (LAB, "h@m"))
    assert isinstance(failed, RuntimeError)
    assert runs_of([mine]) == [run.id]


def test_after_plenty_it_takes_without_a_look_and_then_looks_again(
    world: World, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.live()
    wanted = [world.request().id for _ in range(3)]
    looks: list[object] = []
    read = world.store.read

    def counted(work: Callable[[Session], Any]) -> Any:
        looks.append(work)
        return read(work)

    monkeypatch.setattr(world.store, "read", counted)
    found = [runs_of(ask(claims, (LAB, "h@m"))) for _ in range(3)]
    assert [one for (one,) in found] == wanted
    assert len(looks) == 1
    world.write(lambda s: drains.begin(s, "m", ("lab",), "olga", world.now))
    assert runs_of(ask(claims, (LAB, "h@m"))) == [None], "nothing for who is drained, look or not"
    world.write(lambda s: drains.end(s, "m", ("lab",), "olga", world.now))
    assert runs_of(ask(claims, (LAB, "h@m"))) == [None]
    assert len(looks) == 2
