"""What the platform's own environment has: where that is all that is wanted, it serves as it is."""

from __future__ import annotations

import importlib.metadata as metadata
from collections.abc import Iterable, Iterator

from packaging.requirements import InvalidRequirement, Requirement

from galley.locking.lock import Lock, LockedPackage, canonical, this_platform, this_python

ALWAYS = ("ipykernel", "cloudpickle")
"""In every environment: a kernel starts with the one, values pass between tasks with the other."""

FIXED = ("ipykernel", "cloudpickle", "dask", "distributed")
"""Both sides of a connection have the same version of these: they are the platform's."""


def constraints(found: dict[str, metadata.Distribution] | None = None) -> tuple[str, ...]:
    """Return ``NAME==VERSION`` of what must be as the platform has it."""
    here = distributions() if found is None else found
    return tuple(f"{name}=={here[name].version}" for name in FIXED if name in here)


def distributions() -> dict[str, metadata.Distribution]:
    """Return name → distribution of this environment; the first on the path counts."""
    found: dict[str, metadata.Distribution] = {}
    for one in metadata.distributions():
        if one.name:
            found.setdefault(canonical(one.name), one)
    return found


def platform_lock(wanted: Iterable[Requirement]) -> Lock | None:
    """Return the lock of what is wanted as it is installed here; None where it is not.

    It holds all that the wanted distributions require in their turn. What those require and the
    environment lacks is left out: the author's session ran without it, too.
    """
    here = distributions()
    roots = [*_applying(wanted), *(Requirement(name) for name in ALWAYS)]
    if not all(_meets(here, one) for one in roots):
        return None
    names = sorted({canonical(name) for name in _closure(here, roots)})
    return Lock(
        python=this_python(),
        platform=this_platform(),
        of_platform=True,
        packages=tuple(LockedPackage(name=name, version=here[name].version) for name in names),
    )


def serves(lock: Lock) -> bool:
    """Whether the environment that runs here still has each distribution of a lock made of it."""
    if not lock.of_platform or lock.python != this_python():
        return False
    return all(_version_here(one.name) == one.version for one in lock.packages)


def _version_here(name: str) -> str | None:
    """Return the installed version of one distribution, without reading all of them."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _applying(wanted: Iterable[Requirement]) -> list[Requirement]:
    return [one for one in wanted if one.marker is None or one.marker.evaluate()]


def _meets(here: dict[str, metadata.Distribution], one: Requirement) -> bool:
    found = here.get(canonical(one.name))
    return found is not None and one.specifier.contains(found.version, prereleases=True)


def _closure(here: dict[str, metadata.Distribution], roots: Iterable[Requirement]) -> Iterator[str]:
    """Yield each distribution that the roots need, with the extras that are asked for."""
    waiting = [(canonical(one.name), frozenset(one.extras)) for one in roots]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen or name not in here:
            continue
        seen.add((name, extras))
        yield name
        waiting += [
            (canonical(one.name), frozenset(one.extras)) for one in _requires(here[name], extras)
        ]


def _requires(found: metadata.Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in found.requires or ():
        try:
            one = Requirement(line)
        except InvalidRequirement:
            continue  # Metadata of an old kind; the distribution is installed all the same.
        if one.marker is None or any(
            one.marker.evaluate({"extra": extra}) for extra in (extras or {""})
        ):
            yield one
