"""When the platform's environment is all that a notebook needs."""

from __future__ import annotations

from importlib.metadata import version

from galley.locking.lock import Lock
from galley.locking.platform import constraints, platform_lock, serves
from packaging.requirements import Requirement


def locked(*lines: str) -> Lock | None:
    return platform_lock([Requirement(line) for line in lines])


def test_what_is_installed_is_locked_with_all_that_it_requires() -> None:
    lock = locked(f"ipykernel=={version('ipykernel')}")
    assert lock is not None
    assert lock.of_platform
    assert lock.version_of("ipykernel") == version("ipykernel")
    assert lock.version_of("traitlets") == version("traitlets")
    assert lock.version_of("cloudpickle") == version("cloudpickle")
    assert lock.version_of("pytest") is None


def test_another_version_or_another_distribution_is_not_the_platforms() -> None:
    assert locked("ipykernel==0.1") is None
    assert locked("no-such-distribution") is None


def test_a_range_is_met_by_what_is_installed() -> None:
    assert locked("ipykernel>=1") is not None


def test_a_requirement_for_another_machine_is_left_out() -> None:
    assert locked('no-such-distribution; sys_platform == "win32"') is not None


def test_extras_bring_what_they_require() -> None:
    with_extra, without = locked("dask[distributed]"), locked("dask")
    assert with_extra is not None
    assert without is not None
    assert with_extra.version_of("distributed") == version("distributed")
    assert without.version_of("distributed") is None


def test_the_lock_serves_until_the_platform_changes() -> None:
    lock = locked("ipykernel")
    assert lock is not None
    assert serves(lock)
    older = lock.packages[0].model_copy(update={"version": "0.0.1"})
    assert not serves(lock.model_copy(update={"packages": (older, *lock.packages[1:])}))
    assert not serves(lock.model_copy(update={"python": "3.8"}))
    assert not serves(lock.model_copy(update={"of_platform": False}))


def test_both_sides_of_a_connection_are_fixed() -> None:
    assert f"dask=={version('dask')}" in constraints()
    assert f"distributed=={version('distributed')}" in constraints()
