"""The state directory: what it refuses, and that a refusal changes nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from galley.supervisor import home as homes
from galley.supervisor.home import HomeLock, is_running, open_home
from galley.supervisor.refusal import Refusal


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_new_one_is_made_and_marked(tmp_path: Path) -> None:
    home = open_home(tmp_path / "deep" / "home")
    assert json.loads((home / "format.json").read_text()) == {"format": homes.FORMAT}
    # Sandboxed accounts reach their own homes and list nothing.
    assert home.stat().st_mode & 0o777 == 0o711
    assert open_home(home) == home


def test_a_folder_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(Refusal, match="not empty and not a state directory"):
        open_home(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ({"format": homes.FORMAT + 1}, "newer Galley.*install that release"),
        ({"format": homes.FORMAT - 1}, "older Galley.*make a backup"),
        ({"format": "one"}, "not a number"),
        ({}, "cannot be read"),
    ],
)
def test_another_format_is_refused(tmp_path: Path, mark: dict[str, Any], message: str) -> None:
    (tmp_path / "format.json").write_text(json.dumps(mark))
    with pytest.raises(Refusal, match=message):
        open_home(tmp_path)


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 99, homes.MIN_FREE - 1))
    with pytest.raises(Refusal, match="almost full: 512 MiB are free, at least 512 MiB"):
        open_home(tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(Refusal, match=r"cannot be written by .*chown"):
        open_home(tmp_path / "home")


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal, match="is a file"):
        open_home(tmp_path / "file" / "home")


def test_one_supervisor_at_a_time(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    lock = HomeLock(tmp_path)
    assert is_running(tmp_path)
    with pytest.raises(Refusal, match="another `galley up` works on"):
        HomeLock(tmp_path)
    lock.release()
    assert not is_running(tmp_path)
    HomeLock(tmp_path).release()
