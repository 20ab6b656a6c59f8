"""Whether a lock that a rehearsal reports is one of what its version wants.

A rehearsal runs with its author's rights: what it reports is read again, never kept as it came.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import Requirement

from galley.domain.versions import LockFacts
from galley.errors import InvalidInput
from galley.locking.lock import (
    Lock,
    canonical,
    lock_digest,
    read_lock,
    this_platform,
    this_python,
)
from galley.locking.platform import ALWAYS, constraints, serves

MAX_LOCK = 8 * 2**20
"""Largest text of a lock, characters."""


def accept_lock(text: str, wanted: Iterable[str]) -> Lock:
    """Return the lock in a text.

    Args:
        wanted: requirement lines of the version.

    Raises:
        InvalidInput: it is no lock, or for another platform, or does not meet a requirement, or
            leaves open which file a distribution is.
    """
    if len(text) > MAX_LOCK:
        raise InvalidInput(f"the lock has {len(text)} characters; at most {MAX_LOCK} are read")
    lock = read_lock(text)
    if lock is None:
        raise InvalidInput("the rehearsal reported no lock")
    if (lock.python, lock.platform) != (this_python(), this_platform()):
        raise InvalidInput(f"the lock is for Python {lock.python} on {lock.platform}")
    if lock.of_platform and not serves(lock):
        raise InvalidInput("the lock names what the platform's environment does not have")
    versions: dict[str, str] = {}
    for one in lock.packages:
        if one.name in versions:
            raise InvalidInput(f"the lock names {one.name!r} twice")
        if not lock.of_platform and not one.hashes:
            raise InvalidInput(f"the lock has no hash of {one.name!r}")
        versions[one.name] = one.version
    for requirement in (*wanted, *ALWAYS):
        _check(Requirement(requirement), versions)
    for line in constraints():
        if canonical(line.partition("==")[0]) in versions:
            _check(Requirement(line), versions)
    return lock


def _check(requirement: Requirement, versions: dict[str, str]) -> None:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return
    version = versions.get(canonical(requirement.name))
    if version is None or not requirement.specifier.contains(version, prereleases=True):
        has = f"{requirement.name}=={version}" if version else f"no {requirement.name}"
        raise InvalidInput(f"the lock has {has}, where `{requirement}` is wanted")


def lock_facts(lock: Lock) -> LockFacts:
    """Return what a version's evidence says of its lock."""
    return LockFacts(
        digest=lock_digest(lock), of_platform=lock.of_platform, packages=len(lock.packages)
    )
