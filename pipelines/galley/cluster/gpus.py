"""The GPUs of a machine, which all its tenants use: one task has one at a time.

The pool of a tenant's cluster knows the tasks of that tenant only. So there is a file for each GPU
of the machine, and whoever uses it holds the file's lock; the system lets go of that with the
process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


def lay_out(folder: Path, number: int) -> None:
    """Make the files of a machine's first ``number`` GPUs; to lock one it must only be readable."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for gpu in range(number):
        (folder / str(gpu)).touch(mode=0o444)


class Gpus:
    """The locks of a machine's GPUs.

    Args:
        folder: that of :func:`lay_out`; None: whoever asks has all of its GPUs to itself, as in a
            pod. So it is with one that has no file.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def take(self, wanted: int, among: Iterable[int]) -> Lent | None:
        """Take as many that nobody uses; None, and none is taken, while there are fewer."""
        lent = self._free(wanted, among)
        if len(lent.numbers) == wanted:
            return lent
        lent.close()
        return None

    @contextmanager
    def some(self, wanted: int) -> Iterator[tuple[int, ...]]:
        """Take as many, at first those that nobody uses, then the machine's first ones.

        What waits for nobody and is short, as a rehearsal, uses one with others rather than none.
        """
        held = self._files()
        among = sorted(held) if held else range(wanted)
        with self._free(wanted, among) as lent:
            others = (gpu for gpu in (*among, *range(wanted)) if gpu not in lent.numbers)
            missing = dict.fromkeys(others)
            yield (*lent.numbers, *list(missing)[: wanted - len(lent.numbers)])

    def _files(self) -> dict[int, Path]:
        """Return number → file."""
        if self._folder is None or not self._folder.is_dir():
            return {}
        return {int(path.name): path for path in self._folder.iterdir() if path.name.isdigit()}

    def _free(self, wanted: int, among: Iterable[int]) -> Lent:
        files, lent = self._files(), Lent()
        for gpu in among:
            if len(lent.numbers) == wanted:
                break
            lent.add(gpu, files.get(gpu))
        return lent


class Lent(ExitStack):
    """GPUs that nobody else uses until it is closed.

    Attributes:
        numbers: as the machine counts them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.numbers: tuple[int, ...] = ()

    def add(self, gpu: int, file: Path | None) -> None:
        """Take one, unless somebody has its file locked."""
        if file is not None:
            handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                return
            self.callback(os.close, handle)
        self.numbers = (*self.numbers, gpu)
