"""The scratch folder of an attempt: how much it holds, and what happens when it is too much."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from galley.domain.versions import CellError
from galley.run.failures import human_bytes

INTERVAL_S = 1.0


def size_of(folder: Path) -> int:
    """Return the space that the files below ``folder`` take on disk, bytes."""
    total = 0
    for path, _, files in os.walk(folder, onerror=None):
        for name in files:
            try:
                total += (Path(path) / name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    return total


class ScratchGuard(threading.Thread):
    """Calls ``on_full(used)`` once when a folder holds more than its limit."""

    def __init__(self, folder: Path, limit: int, on_full: Callable[[int], None]) -> None:
        super().__init__(name="scratch", daemon=True)
        self._folder = folder
        self._limit = limit
        self._on_full = on_full
        self._closed = threading.Event()

    def run(self) -> None:
        """Measure once a second until closed or full."""
        while not self._closed.wait(INTERVAL_S):
            used = size_of(self._folder)
            if used > self._limit:
                self._on_full(used)
                return

    def close(self) -> None:
        """Stop measuring."""
        self._closed.set()
        self.join()


def full(used: int, limit: int, profile: str) -> CellError:
    """Return the error of an attempt whose files took ``used`` of ``limit`` bytes."""
    return CellError(
        ename="ScratchFull",
        evalue=f"{used} of {limit} bytes",
        message=(
            f"scratch is full: the run's files took {human_bytes(used)}, "
            f"{human_bytes(limit)} is the limit with the profile {profile!r}. "
            "Write less, or to a dataset."
        ),
    )
