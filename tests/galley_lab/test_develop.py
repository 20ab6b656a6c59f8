"""Linking a checkout's extension into an environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley_lab.develop import LAB_EXTENSION, SERVER_CONFIG, NotBuilt, develop


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A checkout whose front end is built."""
    package = tmp_path / "extension" / "galley_lab"
    (package / "labextension").mkdir(parents=True)
    (package / "labextension" / "package.json").write_text("{}")
    config = package.parent / "jupyter-config"
    config.mkdir()
    (config / "galley_lab.json").write_text("{}")
    return package


def test_it_links_once(tmp_path: Path, package: Path) -> None:
    prefix = tmp_path / "prefix"
    assert develop(prefix, package) == [prefix / LAB_EXTENSION, prefix / SERVER_CONFIG]
    assert (prefix / LAB_EXTENSION / "package.json").read_text() == "{}"
    assert develop(prefix, package) == []


def test_it_replaces_what_a_wheel_had_installed(tmp_path: Path, package: Path) -> None:
    prefix = tmp_path / "prefix"
    (prefix / LAB_EXTENSION / "static").mkdir(parents=True)
    (prefix / SERVER_CONFIG).parent.mkdir(parents=True)
    (prefix / SERVER_CONFIG).write_text("old")
    develop(prefix, package)
    assert (prefix / LAB_EXTENSION).readlink() == package / "labextension"
    assert (prefix / SERVER_CONFIG).read_text() == "{}"


def test_it_says_what_to_run_when_nothing_is_built(tmp_path: Path, package: Path) -> None:
    (package / "labextension" / "package.json").unlink()
    with pytest.raises(NotBuilt, match=r"jlpm\.py build"):
        develop(tmp_path / "prefix", package)
    assert not (tmp_path / "prefix").exists()
