"""Resolving against a folder of wheels: what is found, and what is said where nothing is."""

from __future__ import annotations

import os
import threading
from importlib.metadata import version
from pathlib import Path

import pytest
from galley.domain.packages import Packages
from galley.errors import Unavailable
from galley.locking.resolve import lock_wanted, resolve
from galley.locking.uv import Stopped, Unresolvable, Uv
from packaging.requirements import Requirement

from tests.galley.locking.wheels import offline, write_platform, write_source, write_wheel


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    write_platform(folder)
    write_wheel(folder, "greeting", "1.0")
    write_wheel(folder, "greeting", "2.0", needs=["farewell<3"])
    write_wheel(folder, "farewell", "2.5")
    write_wheel(folder, "farewell", "3.0")
    return folder


def wanted(*lines: str) -> list[Requirement]:
    return [Requirement(line) for line in lines]


def test_an_exact_version_is_locked_with_its_hashes(tmp_path: Path) -> None:
    lock = resolve(wanted("greeting==1.0"), offline(tmp_path))
    assert lock.version_of("greeting") == "1.0"
    assert lock.version_of("farewell") is None
    assert lock.version_of("ipykernel") == version("ipykernel")
    assert not lock.of_platform
    assert all(package.hashes for package in lock.packages)


def test_what_is_required_in_turn_is_locked_too(tmp_path: Path) -> None:
    lock = resolve(wanted("greeting"), offline(tmp_path))
    assert (lock.version_of("greeting"), lock.version_of("farewell")) == ("2.0", "2.5")


def test_the_platforms_version_is_preferred_where_several_would_do(
    tmp_path: Path, wheels: Path
) -> None:
    installed = version("click")
    write_wheel(wheels, "click", installed)
    write_wheel(wheels, "click", "99.0")
    lock = resolve(wanted("click>=1", "greeting"), offline(tmp_path))
    assert lock.version_of("click") == installed


def test_what_the_platform_has_asks_no_index(tmp_path: Path) -> None:
    nowhere = Uv(tmp_path, Packages(index="http://127.0.0.1:9/simple"), {})
    assert lock_wanted(wanted("ipykernel"), nowhere).of_platform


def test_a_version_that_is_not_there_is_named_with_the_newest(tmp_path: Path) -> None:
    with pytest.raises(Unresolvable) as caught:
        resolve(wanted("greeting==99"), offline(tmp_path))
    assert "`greeting==99` cannot be had" in str(caught.value)
    assert "the newest it has is 2.0" in str(caught.value)
    assert caught.value.data["requirement"] == "greeting==99"


def test_a_name_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unresolvable, match="`no-such-thing` cannot be had"):
        resolve(wanted("no-such-thing", "greeting==1.0"), offline(tmp_path))


def test_a_name_that_only_a_requirement_needs_is_named_with_who_needs_it(
    tmp_path: Path, wheels: Path
) -> None:
    write_wheel(wheels, "outer", "1.0", needs=["hidden-thing"])
    with pytest.raises(Unresolvable, match=r"`hidden-thing` cannot be had.*outer"):
        resolve(wanted("outer"), offline(tmp_path))


def test_two_that_exclude_each_other_are_both_named(tmp_path: Path) -> None:
    with pytest.raises(Unresolvable, match=r"`greeting==2.0`.*`farewell==3.0`.*together"):
        resolve(wanted("greeting==2.0", "farewell==3.0"), offline(tmp_path))


def test_the_platforms_constraint_is_named(tmp_path: Path, wheels: Path) -> None:
    write_wheel(wheels, "dask", "2020.1.0")
    write_wheel(wheels, "dask", version("dask"))
    with pytest.raises(Unresolvable) as caught:
        resolve(wanted("dask==2020.1.0"), offline(tmp_path))
    assert "`dask==2020.1.0` conflicts with the platform's" in str(caught.value)
    assert f"dask=={version('dask')}" in str(caught.value)


def test_a_build_from_source_is_refused_where_only_wheels_are_allowed(
    tmp_path: Path, wheels: Path
) -> None:
    write_source(wheels, "sourceonly", "1.0")
    with pytest.raises(Unresolvable, match=r"`sourceonly==1.0` needs a build from source"):
        resolve(wanted("sourceonly==1.0"), offline(tmp_path))


def test_an_index_that_does_not_answer_is_not_the_authors_fault(tmp_path: Path) -> None:
    packages = Packages(index="http://bob:secret@127.0.0.1:9/simple")
    impatient = Uv(tmp_path / "cache", packages, {"UV_HTTP_RETRIES": "0"})
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        resolve(wanted("greeting==1.0"), impatient)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1:9" in str(caught.value)


def test_the_address_of_the_index_is_not_on_uvs_command_line_or_in_its_environment(
    tmp_path: Path,
) -> None:
    uv = Uv(tmp_path, Packages(index="https://bob:secret@index.example/simple"), {"PATH": "/bin"})
    assert uv.sources() == ["--index-url https://bob:secret@index.example/simple"]
    assert "secret" not in str(uv.environment)


def test_resolving_ends_when_it_is_told_to(tmp_path: Path) -> None:
    told = threading.Event()
    told.set()
    packages = Packages(index="http://127.0.0.1:9/simple")  # uv tries again for seconds.
    with pytest.raises(Stopped):
        resolve(wanted("greeting==1.0"), Uv(tmp_path / "cache", packages, {}, told.is_set))


def test_uvs_own_configuration_counts_only_for_a_person(tmp_path: Path) -> None:
    config = tmp_path / "uv" / "uv.toml"
    config.parent.mkdir()
    config.write_text(f'no-index = true\nfind-links = ["{tmp_path / "wheels"}"]\n')
    environment = {"PATH": os.environ["PATH"], "UV_CONFIG_FILE": str(config)}
    person = Uv(tmp_path / "cache", Packages(), environment, configured=True)
    assert resolve(wanted("greeting==1.0"), person).version_of("greeting") == "1.0"
    nowhere = Packages(offline=True)
    with pytest.raises(Unresolvable):
        resolve(wanted("greeting==1.0"), Uv(tmp_path / "cache", nowhere, environment))
