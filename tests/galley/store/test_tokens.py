from __future__ import annotations

import hashlib

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


def test_the_host_of_the_next_attempt_leaves_the_one_before_its_credential(world: World) -> None:
    version = world.publish()
    own = HostIdentity(tenant="lab", author="ana", run=version.rehearsal_run)

    def mint(attempt: int) -> str:
        return world.write(lambda s: tokens.mint_host(s, own, world.now, attempt=attempt))

    first, second = mint(1), mint(2)
    world.later(seconds=1)
    again = mint(2)
    assert find(world, second) is None
    for secret in (first, again):
        token = find(world, secret)
        assert token is not None
        assert token.host == own
    world.write(lambda s: tokens.revoke_host(s, own, world.now, attempt=1))
    assert find(world, first) is None


def test_identities_do_not_run_together() -> None:
    run = new_id()
    keys = {
        HostIdentity(tenant="a").key,
        HostIdentity(tenant="a", author="b").key,
        HostIdentity(tenant="a", author="b", run=run).key,
        HostIdentity(tenant="b", author="a").key,
    }
    assert len(keys) == 4


def test_the_two_of_an_attempt_are_told_apart_and_one_leads_to_the_other(world: World) -> None:
    world.live()
    world.request()
    work = world.must_claim()
    of_runner, of_tasks = find(world, work.run_token), find(world, work.task_token)
    assert of_runner is not None
    assert of_tasks is not None
    assert (of_runner.kind, of_tasks.kind) == (TokenKind.RUN, TokenKind.TASK)
    assert of_runner.attempt == of_tasks.attempt == work.attempt
    kept = world.read(lambda s: s.scalars(select(TokenRow.secret_hash)).all())
    assert hashlib.sha256(work.task_token.encode()).digest() in kept
    assert hashlib.sha256(work.run_token.encode()).digest() not in kept
    assert find(world, work.task_token.replace("-task-", "-run-")) is None
    assert find(world, work.run_token.replace("-run-", "-task-")) is None


def test_only_an_attempts_row_is_found_by_what_it_follows_from(world: World) -> None:
    """What is kept of a host is found by its own secret only."""
    made = tokens._of_tasks("galley-run-guess")
    world.write(
        lambda s: s.add(
            TokenRow(
                secret_hash=hashlib.sha256(made.encode()).digest(),
                kind=TokenKind.HOST,
                tenant="lab",
                created_at=world.now,
            )
        )
    )
    assert find(world, made) is not None
    assert find(world, "galley-run-guess") is None


def test_an_attempt_that_an_earlier_release_began_keeps_its_two(world: World) -> None:
    world.live()
    world.request()
    work = world.must_claim()
    for kind in (TokenKind.RUN, TokenKind.TASK):
        row = TokenRow(
            secret_hash=hashlib.sha256(f"galley-{kind}-old".encode()).digest(),
            kind=kind,
            tenant="lab",
            attempt_id=work.attempt,
            created_at=world.now,
        )
        world.write(lambda s: s.add(row))  # noqa: B023
    for kind in (TokenKind.RUN, TokenKind.TASK):
        token = find(world, f"galley-{kind}-old")
        assert token is not None
        assert (token.kind, token.attempt) == (kind, work.attempt)
    world.start(work)
    world.finish(work)
    for secret in ("galley-task-old", work.task_token):
        assert find(world, secret) is None
    for secret in ("galley-run-old", work.run_token):
        assert find(world, secret) is not None
    world.later(hours=2)
    for secret in ("galley-run-old", work.run_token):
        assert find(world, secret) is None
