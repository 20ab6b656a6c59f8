"""Reported locks that are kept, and those that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley.errors import InvalidInput
from galley.locking.accept import MAX_LOCK, accept_lock, lock_facts
from galley.locking.lock import Lock, lock_digest, lock_text
from galley.locking.platform import platform_lock
from galley.locking.resolve import resolve
from packaging.requirements import Requirement

from tests.galley.locking.wheels import offline, write_platform, write_wheel

WANTED = ("greeting<2",)


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> Lock:
    folder: Path = tmp_path_factory.mktemp("lock")
    write_platform(folder / "wheels")
    write_wheel(folder / "wheels", "greeting", "1.0")
    return resolve([Requirement(line) for line in WANTED], offline(folder))


def replaced(lock: Lock, name: str, **changes: object) -> Lock:
    packages = tuple(
        one.model_copy(update=changes) if one.name == name else one for one in lock.packages
    )
    return lock.model_copy(update={"packages": packages})


def test_a_lock_of_what_is_wanted_is_kept(lock: Lock) -> None:
    assert accept_lock(lock_text(lock), WANTED) == lock
    facts = lock_facts(lock)
    assert (facts.digest, facts.of_platform, facts.packages) == (lock_digest(lock), False, 3)


def test_the_platforms_own_lock_is_kept() -> None:
    lock = platform_lock([Requirement("click")])
    assert lock is not None
    assert accept_lock(lock_text(lock), ["click>=1"]) == lock


def test_a_requirement_for_another_machine_is_not_asked_for(lock: Lock) -> None:
    assert accept_lock(lock_text(lock), ['absent; sys_platform == "win32"']) == lock


def test_what_does_not_meet_a_requirement_is_refused(lock: Lock) -> None:
    newer = replaced(lock, "greeting", version="2.0")
    with pytest.raises(InvalidInput, match=r"greeting==2\.0, where `greeting<2` is wanted"):
        accept_lock(lock_text(newer), WANTED)
    with pytest.raises(InvalidInput, match="no other"):
        accept_lock(lock_text(lock), ["other"])


def test_another_version_of_what_connects_is_refused(lock: Lock) -> None:
    with pytest.raises(InvalidInput, match="ipykernel"):
        accept_lock(lock_text(replaced(lock, "ipykernel", version="1.0")), WANTED)


def test_a_distribution_without_a_hash_is_refused(lock: Lock) -> None:
    with pytest.raises(InvalidInput, match="no hash of 'greeting'"):
        accept_lock(lock_text(replaced(lock, "greeting", hashes=())), WANTED)


def test_a_name_given_twice_is_refused(lock: Lock) -> None:
    twice = lock.model_copy(update={"packages": (*lock.packages, lock.packages[0])})
    with pytest.raises(InvalidInput, match="twice"):
        accept_lock(lock_text(twice), WANTED)


def test_a_lock_that_only_claims_to_be_the_platforms_is_refused(lock: Lock) -> None:
    claimed = lock.model_copy(update={"of_platform": True})
    with pytest.raises(InvalidInput, match="does not have"):
        accept_lock(lock_text(claimed), WANTED)


def test_a_lock_for_another_machine_is_refused(lock: Lock) -> None:
    other = lock.model_copy(update={"platform": "linux-s390x"})
    with pytest.raises(InvalidInput, match="s390x"):
        accept_lock(lock_text(other), WANTED)


@pytest.mark.parametrize("text", ["", "greeting==1.0\n", "x" * (MAX_LOCK + 1)])
def test_what_is_no_lock_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        accept_lock(text, WANTED)


def test_options_do_not_pass(lock: Lock) -> None:
    with pytest.raises(InvalidInput, match="--extra-index-url"):
        accept_lock(lock_text(lock) + "--extra-index-url https://elsewhere.example\n", WANTED)


def test_what_follows_a_distribution_on_its_line_is_not_kept(lock: Lock) -> None:
    text = lock_text(lock).replace("greeting==1.0 \\", "greeting==1.0 ; x \\")
    assert "; x" in text
    assert "; x" not in lock_text(accept_lock(text, WANTED))
