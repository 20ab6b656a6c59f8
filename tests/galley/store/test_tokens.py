from __future__ import annotations

from galley.store import tokens
from galley.store.columns import new_id
from galley.store.records import TokenKind, TokenRow
from galley.store.tokens import HostIdentity, Token
from sqlalchemy import select

from tests.galley.world import World

LAB = HostIdentity(tenant="lab")


def find(world: World, secret: str) -> Token | None:
    return world.read(lambda s: tokens.find(s, secret, world.now))


def mint(world: World, identity: HostIdentity) -> str:
    return world.write(lambda s: tokens.mint_host(s, identity, world.now))


def test_a_hosts_credential_tells_who_it_is(world: World) -> None:
    version = world.publish()
    for identity in (
        LAB,
        HostIdentity(tenant="lab", author="ana"),
        HostIdentity(tenant="lab", author="ana", run=version.rehearsal_run),
    ):
        token = find(world, mint(world, identity))
        assert token is not None
        assert (token.kind, token.host, token.tenant) == (TokenKind.HOST, identity, "lab")
        assert token.rehearsal is (identity.author is not None)
        assert token.attempt is None


def test_only_a_hash_is_kept(world: World) -> None:
    secret = world.write(lambda s: tokens.mint_host(s, LAB, world.now))
    (kept,) = world.read(lambda s: s.scalars(select(TokenRow.secret_hash)).all())
    assert len(kept) == 32
    assert secret.encode() not in kept


def test_what_was_never_minted_is_not_found(world: World) -> None:
    assert find(world, "") is None
    assert find(world, "galley-host-guess") is None


def test_a_new_credential_replaces_the_hosts_earlier_one(world: World) -> None:
    other = HostIdentity(tenant="play")
    first = world.write(lambda s: tokens.mint_host(s, LAB, world.now))
    elsewhere = world.write(lambda s: tokens.mint_host(s, other, world.now))
    world.later(seconds=1)
    second = world.write(lambda s: tokens.mint_host(s, LAB, world.now))
    assert find(world, first) is None
    third = world.write(lambda s: tokens.mint_host(s, LAB, world.now, replace=False))
    assert all(find(world, secret) for secret in (second, third, elsewhere))
    world.write(lambda s: tokens.revoke_host(s, LAB, world.now))
    assert not any(find(world, secret) for secret in (second, third))
    assert find(world, elsewhere)


def test_identities_do_not_run_together() -> None:
    run = new_id()
    keys = {
        HostIdentity(tenant="a").key,
        HostIdentity(tenant="a", author="b").key,
        HostIdentity(tenant="a", author="b", run=run).key,
        HostIdentity(tenant="b", author="a").key,
    }
    assert len(keys) == 4
