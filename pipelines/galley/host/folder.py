"""The folder of a worker host, in its home: one host at a time works in it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from galley.errors import GalleyError


def own(folder: Path) -> None:
    """Make the folder and hold it until this process ends: the kernel gives it back.

    Raises:
        GalleyError: another host works in it, though nobody may know of that one: its launcher was
            killed before it could write down what it had started.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise GalleyError(f"another worker host works in {folder}") from error
