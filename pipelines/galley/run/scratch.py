"""The scratch folder of an attempt: how much it holds, and what happens when it is too much."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from galley.domain.versions import CellError
from galley.run.failures import human_bytes
from galley.run.held import deleted

INTERVAL_S = 1.0
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LEFT_OUT = {
    *(errno.EACCES, errno.EPERM),  # a task may close its folders, to itself as well
    *(errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE),  # it goes on meanwhile
}


def size_of(folder: Path) -> int:
    """Return the space that the files below ``folder`` take on disk, bytes.

    What cannot be read is left out. A path has a longest length, and what a task nests has none:
    the walk goes from a folder into the next and back.

    Raises:
        OSError: the folder itself is there and cannot be read.
    """
    try:
        place = _Place(folder)
    except FileNotFoundError:
        return 0
    with contextlib.closing(place):
        total, inner = place.listed(".")
        above: list[list[str]] = []
        while inner or above:
            if not inner:
                if not place.leave():
                    break  # the task has moved or closed a folder: the next look comes soon
                inner = above.pop()
                continue
            name = inner.pop()
            size, further = place.listed(name)
            total += size
            # Without folders it is not entered: it may be one that lets nobody out again.
            if further and place.enter(name):
                above.append(inner)
                inner = further
        return total


class _Place:
    """Where a walk is: a folder that is open, and which ones led there."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder, _FOLDER)
        self._led_here: list[os.stat_result] = []

    def listed(self, name: str) -> tuple[int, list[str]]:
        """Return the space of a folder's own files, bytes, and the names of the folders in it.

        Of one that may be listed but not searched there are none.
        """
        folder = self._opened(name)
        if folder is None:
            return 0, []
        total, inner = 0, []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except OSError as error:
                        _pass_over(error)
                        continue
                    if stat.S_ISDIR(status.st_mode):
                        inner.append(entry.name)
                    else:
                        total += status.st_blocks * 512
        finally:
            os.close(folder)
        return total, inner

    def enter(self, name: str) -> bool:
        """Go into a folder; whether that was possible."""
        folder = self._opened(name)
        if folder is not None:
            self._led_here.append(os.fstat(self._fd))
            self._go(folder)
        return folder is not None

    def leave(self) -> bool:
        """Go back to where the way came from; whether it still leads there."""
        folder = self._opened("..")
        if folder is not None:
            self._go(folder)
        return folder is not None and os.path.samestat(os.fstat(folder), self._led_here.pop())

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._fd)

    def _go(self, folder: int) -> None:
        self.close()
        self._fd = folder

    def _opened(self, name: str) -> int | None:
        try:
            return os.open(name, _FOLDER, dir_fd=self._fd)
        except OSError as error:
            _pass_over(error)
            return None


def _pass_over(error: OSError) -> None:
    if error.errno not in _LEFT_OUT:
        raise error


class ScratchGuard(threading.Thread):
    """Watches a folder's size until it is too much, or :meth:`close`.

    What was deleted and is open still counts: it takes its space on disk.

    Args:
        limit: bytes.
        on_full: given the size, bytes, once it is over the limit.
        on_failure: given what stands in the way of watching: there is no limit from then on.
        own: other folder → the one in ``folder`` that tasks see in its place.
    """

    def __init__(
        self,
        folder: Path,
        limit: int,
        on_full: Callable[[int], None],
        on_failure: Callable[[Exception], None],
        own: Mapping[Path, Path] | None = None,
    ) -> None:
        super().__init__(name="scratch", daemon=True)
        self._folder = folder
        self._limit = limit
        self._on_full = on_full
        self._on_failure = on_failure
        self._own = own
        self._closed = threading.Event()

    def run(self) -> None:
        """Measure once a second until closed or full."""
        while not self._closed.wait(INTERVAL_S):
            try:
                # In this order, what is deleted meanwhile does not count twice.
                used = deleted(self._folder, self._own) + size_of(self._folder)
            except Exception as error:  # whatever it is, nothing may run without its limit
                self._on_failure(error)
                return
            if used > self._limit:
                self._on_full(used)
                return

    def close(self) -> None:
        """Stop measuring."""
        self._closed.set()
        self.join()


def full(used: int, limit: int, profile: str, during: str) -> CellError:
    """Return the error of an attempt whose files took ``used`` of ``limit`` bytes.

    Args:
        during: which tasks were running, in words; empty: none.
    """
    when = f" during {during}" if during else ""
    return CellError(
        ename="ScratchFull",
        evalue=f"{used} of {limit} bytes",
        message=(
            f"scratch is full{when}: the run's files took {human_bytes(used)}, "
            f"{human_bytes(limit)} is the limit with the profile {profile!r}. "
            "Write less, or to a dataset."
        ),
    )


def unwatched(error: Exception) -> CellError:
    """Return the error of an attempt whose files could no longer be measured."""
    return CellError(
        ename="ScratchUnwatched",
        evalue=str(error),
        message=(
            "the run was stopped: the size of its scratch folder could not be measured any more, "
            f"and without that it has no limit ({type(error).__name__}: {error})"
        ),
    )
