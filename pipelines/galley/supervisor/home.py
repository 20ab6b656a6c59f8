"""The state directory: made with the right modes, checked, locked, marked with its format."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any

from galley.domain.settings import Settings
from galley.supervisor.refusal import Refusal

FORMAT = 1
"""Format of the state directory; grows when an older program could not read it any more."""

MIN_FREE = 512 * 2**20
LOW_FREE = 3 * 2**30
"""Free space below which nothing starts, and below which a warning is printed, bytes."""

_MARK = "format.json"


class HomeLock:
    """Held while a supervisor works on a state directory; the kernel frees it when it dies."""

    def __init__(self, home: Path) -> None:
        self._path = home / "lock"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise Refusal(
                f"another `galley up` works on {home}. Stop that one, or choose another folder: "
                "GALLEY_HOME=… galley up"
            ) from error

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._file)


def is_running(home: Path) -> bool:
    """Return whether a supervisor works on this state directory."""
    if not (home / "lock").exists():
        return False
    try:
        HomeLock(home).release()
    except Refusal:
        return True
    return False


def open_home(home: Path) -> Path:
    """Make or check the state directory and return its absolute path; changes nothing on refusal.

    Raises:
        Refusal: it cannot be written, is something else's, was made by another release, or the
            disk is almost full.
    """
    home = home.expanduser().absolute()
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not existing.is_dir():
        raise Refusal(f"{existing} is a file: choose a folder with GALLEY_HOME.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise Refusal(
            f"{existing} cannot be written by {_account()}: choose a folder of yours with "
            f"GALLEY_HOME, or run: sudo chown -R {_account()} {existing}"
        )
    check_format(home)
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE:
        raise Refusal(
            f"the disk of {existing} is almost full: {free / 2**20:.0f} MiB are free, at least "
            f"{MIN_FREE // 2**20} MiB are needed. Make room, or choose another GALLEY_HOME."
        )
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)
    mark = home / _MARK
    if not mark.exists():
        mark.write_text(json.dumps({"format": FORMAT}) + "\n", encoding="utf-8")
    return home


def check_format(home: Path) -> None:
    """Do nothing when this release can use the state in ``home``, or when there is none.

    Raises:
        Refusal: it cannot.
    """
    if not home.exists() or not any(home.iterdir()):
        return
    mark = home / _MARK
    if not mark.exists():
        raise Refusal(
            f"{home} is not empty and not a state directory of Galley (it has no {_MARK}): choose "
            "an empty or a new folder with GALLEY_HOME."
        )
    found = _read_format(mark)
    if found > FORMAT:
        raise Refusal(
            f"{home} was written by a newer Galley (format {found}, this release reads up to "
            f"{FORMAT}): install that release, or choose another GALLEY_HOME."
        )
    if found < FORMAT:
        raise Refusal(
            f"{home} was written by an older Galley (format {found}, this release needs {FORMAT}): "
            "make a backup with the older release and restore it with this one."
        )


def make_folders(settings: Settings) -> None:
    """Make the folders of a deployment; only ``homes`` may be entered by sandboxed accounts."""
    for folder in (
        settings.secrets,
        settings.hub_state,
        settings.service_state,
        settings.mlflow_state,
        settings.run,
        settings.logs,
    ):
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    settings.homes.mkdir(exist_ok=True)
    settings.homes.chmod(0o711)


def write_private(path: Path, text: str) -> None:
    """Replace a file by one of mode 0600, never half."""
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    partial.replace(path)


def _read_format(mark: Path) -> int:
    try:
        found: Any = json.loads(mark.read_text(encoding="utf-8"))["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refusal(f"{mark} cannot be read: {error}. Restore it from a backup.") from error
    if not isinstance(found, int):
        raise Refusal(f"{mark} names the format {found!r}, which is not a number.")
    return found


def _account() -> str:
    return os.environ.get("USER") or f"uid {os.geteuid()}"
