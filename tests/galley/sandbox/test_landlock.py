"""Landlock domains on the system that runs here, as an ordinary uid sees them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galley.sandbox import landlock

NOBODY = 65534 if os.geteuid() == 0 else os.geteuid()

needs_landlock = pytest.mark.skipif(
    landlock.version() < landlock.REFER, reason="this system has no Landlock"
)

TRY = """
import ctypes, os, subprocess, sys
from pathlib import Path
from galley.sandbox import landlock

sibling, folder, scopes = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
landlock.SCOPES = scopes
if os.geteuid() == 0:
    os.setgid({uid})
    os.setuid({uid})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)

def may(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "yes"

def outside():
    return (
        may(lambda: Path(f"/proc/{{sibling}}/environ").read_bytes()),
        may(lambda: os.kill(sibling, 0)),
    )

print(*outside(), landlock.enter() or "-", sep="|")
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # no_new_privs, as a sandbox sets it
print(landlock.enter() or "-", *outside(), sep="|")
child = subprocess.Popen(["sleep", "600"], env={{"MINE": "1"}})
print(may(lambda: Path(f"/proc/{{child.pid}}/environ").read_bytes()), may(child.kill), sep="|")
child.wait()
(folder / "one").mkdir()
(folder / "two").mkdir()
(folder / "one" / "file").touch()
print(may(lambda: (folder / "one" / "file").rename(folder / "two" / "file")))
"""


@pytest.fixture
def sibling() -> Iterator[int]:
    """A program of the same uid that keeps a token in its environment."""
    other: dict[str, Any] = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    process = subprocess.Popen(["sleep", "600"], env={"TOKEN": "secret"}, **other)
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every uid may write to, as none below pytest's own is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@needs_landlock
@pytest.mark.parametrize("scopes", [landlock.SCOPES, 99], ids=["as it is", "an older system"])
def test_nothing_outside_is_read_or_signalled_and_all_inside_is(
    sibling: int, scopes: int, open_folder: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRY.format(uid=NOBODY), str(sibling), str(open_folder), str(scopes)],
        capture_output=True,
        text=True,
        check=True,
    )
    before, entered, inside, moved = done.stdout.splitlines()
    assert before == "yes|yes|landlock_restrict_self: Operation not permitted"
    signal = "PermissionError" if landlock.version() >= scopes else "yes"
    assert entered == f"-|PermissionError|{signal}"
    assert inside == "yes|yes"
    assert moved == "yes"


def test_a_system_without_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert "not to be had" in landlock.enter()
