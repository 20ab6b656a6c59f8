"""Environments on disk: made once per lock, in one step, kept while they are in use.

Layout of the folder, which belongs to one identity: what one identity installs, no other runs.

::

    DIGEST/             a virtual environment; it is there only when it is complete
    DIGEST/.last-used   its time is that of the last use
    .DIGEST.lock        held alone while DIGEST is made or removed, together while it is used
    .new-DIGEST-…       being made; left over only where its maker was killed
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from packaging.requirements import Requirement

from galley.errors import PublicError, Unavailable
from galley.locking.complaints import complaint
from galley.locking.lock import Lock, lock_digest, lock_text, this_platform, this_python
from galley.locking.uv import Stopped, Unresolvable, Uv

KEEP_S = 30 * 86400.0
"""An environment that nothing used for this long is removed, seconds."""
KEEP_BYTES = 20 * 2**30
"""What the environments of one identity may hold together, bytes; the longest unused go first."""

DOWNLOADS_BYTES = 10 * 2**30
"""What uv's downloads of one identity may hold, bytes."""


class Environment:
    """A ready environment; it is not removed until :meth:`close`.

    Attributes:
        python: its interpreter.
        made: whether it had to be made now.
    """

    def __init__(self, folder: Path, holding: IO[bytes], *, made: bool) -> None:
        self.python = folder / "bin" / "python"
        self.made = made
        self._holding = holding

    def close(self) -> None:
        """Let it go."""
        self._holding.close()


class Environments:
    """The environments below one folder."""

    def __init__(self, folder: Path, uv: Uv) -> None:
        self._folder = folder
        self._uv = uv

    def get(self, lock: Lock, *, making: Callable[[], None] = lambda: None) -> Environment:
        """Return the environment of a lock; make it where it is not there yet.

        Two that want the same one wait for each other; what a killed maker left is cleaned away.

        Args:
            making: called before it is made, which takes seconds to minutes.

        Raises:
            Unresolvable: the lock is for another Python or machine, or cannot be had any more.
            Unavailable: the index, uv or the disk cannot be used.
            Stopped: by ``uv.stop``.
        """
        _check_machine(lock)
        digest = lock_digest(lock)
        made = False
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while True:
                holding = self._hold(digest, fcntl.LOCK_SH)
                if self._usable(digest):
                    (self._folder / digest / ".last-used").touch()
                    return Environment(self._folder / digest, holding, made=made)
                holding.close()
                if (alone := self._try(digest, fcntl.LOCK_EX)) is None:
                    self._pause()  # its maker, who may use it for hours once it is made
                    continue
                with contextlib.closing(alone):
                    if not self._usable(digest):
                        making()
                        self._make(lock, digest)
                        made = True
        except OSError as error:
            raise Unavailable(f"the environment cannot be made: {error}") from error

    def _usable(self, digest: str) -> bool:
        """Whether it is there and its interpreter still is: a new Python leaves dead links."""
        return (self._folder / digest / "bin" / "python").exists()

    def _hold(self, digest: str, how: int) -> IO[bytes]:
        """Return the lock file, locked; asks for it again and again, so that one can stop."""
        while (file := self._try(digest, how)) is None:
            self._pause()
        return file

    def _try(self, digest: str, how: int) -> IO[bytes] | None:
        """Return the lock file, locked; None where others have it."""
        file = (self._folder / f".{digest}.lock").open("ab")
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def _pause(self) -> None:
        if self._uv.stop():
            raise Stopped("waiting for the environment was stopped")
        threading.Event().wait(0.2)

    def _make(self, lock: Lock, digest: str) -> None:
        for rest in self._folder.glob(f".new-{digest}-*"):
            shutil.rmtree(rest, ignore_errors=True)
        target = self._folder / digest
        shutil.rmtree(target, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=f".new-{digest}-", dir=self._folder))
        try:
            self._fill(lock, new / "environment")
            (new / "environment").rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        self.prune(spare=digest)
        self.trim()

    def _fill(self, lock: Lock, folder: Path) -> None:
        base = Path(sys.base_prefix) / "bin" / f"python{this_python()}"
        interpreter = base if base.exists() else Path(sys.executable)
        venv = ("venv", "--quiet", "--no-project", "--relocatable", "--python", str(interpreter))
        self._run(lock, *venv, str(folder))
        packages = self._uv.packages
        arguments = ["pip", "sync", "--quiet", "--python", str(folder / "bin" / "python")]
        arguments += ["--compile-bytecode"]
        arguments += ["--only-binary", ":all:"] if packages.wheels_only else []
        if all(one.hashes for one in lock.packages):
            arguments.append("--require-hashes")
        given = "\n".join((*self._uv.sources(), lock_text(lock)))
        self._run(lock, *arguments, "-", given=given)
        (folder / "requirements.lock").write_text(lock_text(lock), encoding="utf-8")

    def _run(self, lock: Lock, *arguments: str, given: str = "") -> None:
        answer = self._uv.run(arguments, given)
        if answer.returncode != 0:
            raise _cannot_install(answer.complaint, lock, self._uv)

    def prune(
        self,
        *,
        keep_s: float = KEEP_S,
        keep_bytes: int = KEEP_BYTES,
        now: float | None = None,
        spare: str = "",
    ) -> list[str]:
        """Remove what was not used for long, then the longest unused, until the rest fits.

        What is in use stays. Returns the digests that are gone.

        Args:
            now: seconds since 1970; default: the clock's.
            spare: a digest that stays in any case.
        """
        ages = {path.name: _last_used(path) for path in self._complete()}
        sizes = {name: _size(self._folder / name) for name in ages}
        latest = (time.time() if now is None else now) - keep_s
        held = sum(sizes.values())
        gone = []
        for name in sorted(ages, key=lambda one: ages[one]):
            if name == spare or (ages[name] >= latest and held <= keep_bytes):
                continue
            if self._remove(name):
                held -= sizes[name]
                gone.append(name)
        return gone

    def trim(self, *, keep_bytes: int = DOWNLOADS_BYTES) -> bool:
        """Throw all downloads away where they take more than that; say whether they did."""
        if _size(self._uv.cache) <= keep_bytes:
            return False
        # uv waits until nobody else uses them; what cannot be thrown away now will be another time.
        return self._uv.run(("cache", "clean", "--quiet")).returncode == 0

    def _complete(self) -> Iterator[Path]:
        if self._folder.is_dir():
            yield from (path for path in self._folder.iterdir() if not path.name.startswith("."))

    def _remove(self, digest: str) -> bool:
        with (self._folder / f".{digest}.lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            shutil.rmtree(self._folder / digest, ignore_errors=True)
        return True


def _check_machine(lock: Lock) -> None:
    here = (this_python(), this_platform())
    if (lock.python, lock.platform) != here:
        raise Unresolvable(
            f"this version is locked for Python {lock.python} on {lock.platform}; the platform "
            f"runs Python {here[0]} on {here[1]}. Publish the notebook again.",
            field="requirements",
        )


def _cannot_install(text: str, lock: Lock, uv: Uv) -> PublicError:
    wanted = [Requirement(f"{one.name}=={one.version}") for one in lock.packages]
    return complaint(text, wanted, (), uv.packages, lambda _: None)


def _last_used(folder: Path) -> float:
    try:
        return (folder / ".last-used").stat().st_mtime
    except OSError:
        return 0.0


def _size(folder: Path) -> int:
    """Return the bytes that a folder takes on disk."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(parent) / name).lstat().st_blocks * 512
    return total
