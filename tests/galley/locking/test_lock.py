"""A lock, its text and its digest."""

from __future__ import annotations

import pytest
from galley.errors import InvalidInput
from galley.locking.lock import Lock, LockedPackage, lock_digest, lock_text, read_lock

HASH = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def lock(*packages: LockedPackage, of_platform: bool = False) -> Lock:
    return Lock(python="3.11", platform="linux-x86_64", of_platform=of_platform, packages=packages)


GREETING = LockedPackage(name="greeting", version="1.0+cpu", hashes=(HASH, OTHER))
PLAIN = LockedPackage(name="ipykernel", version="7.0")


@pytest.mark.parametrize("of_platform", [True, False])
def test_the_text_of_a_lock_reads_back_as_the_same_lock(of_platform: bool) -> None:
    made = lock(GREETING, PLAIN, of_platform=of_platform)
    assert read_lock(lock_text(made)) == made


def test_the_text_is_a_requirements_file_with_hashes() -> None:
    lines = lock_text(lock(GREETING)).splitlines()
    assert lines[-3:] == ["greeting==1.0+cpu \\", f"    --hash={HASH} \\", f"    --hash={OTHER}"]


def test_what_is_only_wanted_is_not_a_lock() -> None:
    assert read_lock("# comment\npandas==3.1.0\n") is None
    assert read_lock("") is None


def test_the_order_changes_neither_text_nor_digest() -> None:
    one, two = lock(GREETING, PLAIN), lock(PLAIN, GREETING)
    assert lock_text(one) == lock_text(two)
    assert lock_digest(one) == lock_digest(two)


@pytest.mark.parametrize(
    "changed",
    [
        lock(GREETING.model_copy(update={"version": "1.1"}), PLAIN),
        lock(GREETING.model_copy(update={"hashes": (HASH,)}), PLAIN),
        lock(GREETING),
        lock(GREETING, PLAIN).model_copy(update={"python": "3.12"}),
        lock(GREETING, PLAIN).model_copy(update={"platform": "linux-aarch64"}),
    ],
)
def test_the_digest_changes_with_all_that_is_installed(changed: Lock) -> None:
    assert lock_digest(changed) != lock_digest(lock(GREETING, PLAIN))


def test_a_lock_of_a_later_release_is_refused() -> None:
    text = lock_text(lock(GREETING)).replace("format 1", "format 2")
    with pytest.raises(InvalidInput, match="format 2"):
        read_lock(text)


def test_a_damaged_lock_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidInput, match="--index-url"):
        read_lock(lock_text(lock(GREETING)) + "--index-url https://elsewhere\n")


def test_a_version_is_found_by_any_spelling_of_the_name() -> None:
    made = lock(LockedPackage(name="scikit-learn", version="1.6"))
    assert made.version_of("Scikit_Learn") == "1.6"
    assert made.version_of("numpy") is None
