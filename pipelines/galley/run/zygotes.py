"""Warm interpreters to fork kernels from: one per environment and uid, started on demand.

A zygote (:mod:`galley.inside.zygote`) belongs to nobody: it listens on a socket in a private
folder, serves every process of its uid that asks, and ends when it has been idle for long enough
or the folder is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from galley.errors import GalleyError
from galley.forks import TO_FORK, Forked, read_line
from galley.inside import inherited
from galley.inside import zygote as program
from galley.run.variables import OF_A_KERNEL, Variables, differ
from galley.run.walls import Walls
from galley.run.wanted import Wanted, always, lock, readable_in_time
from galley.run.zygote_start import start

ANSWER_S = 30.0
KILL_S = 10.0
TAG = "GALLEY_ATTEMPT"
"""Variable of a task's environment by which all that belongs to an attempt can be ended."""
IDLE_S = 600.0
MAX_COMPARED = 3
"""How often a zygote may say of more variables that what it has imported has read them."""


class NoZygote(GalleyError):
    """No kernel could be forked; the message says why. A plain kernel does the same, slower."""


class _HasRead(Exception):
    """A zygote has not forked: what it has imported has read variables that were not compared."""

    def __init__(self, names: list[str]) -> None:
        self.names = names


class ForkedKernel(Forked):
    """A process that a zygote forked.

    Attributes:
        obstacle: why it has no pid namespace of its own; empty where it has.
        inherited: bytes of its memory that are the zygote's as long as it does not write to them.
        unwalled: why no walls are around it, whatever was asked for; empty where there are.
        foreign: why it finds its host's processes in ``/proc``, and psutil not itself; empty where
            it finds its own, or has no pid namespace.
    """

    def __init__(self, connection: socket.socket, answer: Mapping[str, Any]) -> None:
        super().__init__(connection, answer["pid"])
        self.obstacle: str = answer["obstacle"]
        self.inherited: int = answer["inherited"]
        self.unwalled: str = answer["unwalled"]
        self.foreign: str = answer["foreign"]

    def end(self, patience_s: float) -> None:
        """Let it end by itself for so long, then end it, and wait until nothing of it is left."""
        self._look(patience_s)
        self.kill()

    def kill(self) -> None:
        """End it, and wait until all it started has ended, too."""
        if self.returncode is None and self.connection.fileno() >= 0:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_WR)
            self._look(KILL_S)


class Zygotes:
    """The zygotes of one folder.

    Args:
        folder: private to its owner; made where it is missing. Removing it ends them.
        idle_s: seconds after which an unused one ends.
    """

    def __init__(self, folder: Path, *, idle_s: float = IDLE_S) -> None:
        self.folder = folder
        self._idle_s = idle_s
        self._variables = Variables(folder)

    def fork(
        self,
        *,
        python: Path | None,
        env: Mapping[str, str],
        cwd: Path,
        kind: str,
        files: Sequence[int],
        argv: Sequence[str] = (),
        preload: Sequence[str] = (),
        bare: bool = False,
        assigned: Collection[str] = (),
        isolate: bool,
        secrets: Mapping[str, str] | None = None,
        walls: Walls | None = None,
        wanted: Wanted = always,
    ) -> ForkedKernel:
        """Return a new process, forked from the zygote of its environment.

        Args:
            python: interpreter of the environment; None: the one that runs here.
            kind: ``batch`` or ``kernel``, see :mod:`galley.inside.zygote`.
            files: file descriptors: the kernel's socket, its output and its errors.
            preload: modules that the notebook imports.
            bare: whether none of them may be imported yet, nor any but those of the kernel itself.
            assigned: names of variables of its environment that the notebook may set.
            isolate: whether it is to have a pid namespace of its own.
            secrets: name → value, for ``galley.secret``.
            walls: what it is to see of its host's files; None: all of them.
            wanted: whether it still is; asked a few times a second while a zygote starts, or
                imports what the notebook does.

        Raises:
            NoZygote: it cannot be had.
            Unwanted: it is not wanted any more.
        """
        interpreter = str(python or sys.executable)
        try:
            caller = inherited.of_caller()
        except (OSError, ValueError) as error:
            raise NoZygote(f"no kernel could be forked: {error}") from error
        # matplotlib reads it when it is imported.
        bare = bare or os.path.exists(cwd / "matplotlibrc")  # noqa: PTH110  whoever may see it
        request = {
            "kind": kind,
            "isolate": isolate,
            "tag": env.get(TAG, ""),
            "plain": not OF_A_KERNEL & env.keys(),
        }
        told = {
            "argv": list(argv),
            "env": dict(env),
            "cwd": str(cwd),
            "caller": caller,
            "secrets": secrets or {},
            "walls": None if walls is None else walls.model_dump(mode="json"),
        }

        def forked(read: set[str]) -> ForkedKernel:
            at_start = self._variables.at_start(env, read)
            alone = bare or differ(env, at_start, read, assigned)
            ahead = [] if alone else list(preload)
            with _opened(self.folder) as folder:
                name = _name(interpreter, at_start, bare=alone)
                connection = _connected(folder, name)
                if connection is None:
                    connection = self._start(folder, name, interpreter, at_start, ahead, wanted)
            with handed_over(told) as private:
                asked = {**request, "preload": ahead, "compared": sorted(read)}
                return _ask(connection, asked, [*files, private], wanted)

        def compared() -> ForkedKernel:
            read = self._variables.read()
            for _ in range(MAX_COMPARED):
                try:
                    return forked(read)
                except _HasRead as more:
                    read.update(more.names)
                    self._variables.learn(more.names)
            raise OSError("what it has imported reads ever more variables")

        try:
            try:
                return compared()
            except ConnectionError:  # it ended, or started over, when it had just been found
                return compared()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise NoZygote(f"no kernel could be forked: {error}") from error

    def own(self, at_start: Iterable[str] = ()) -> None:
        """Have them end with this process, however it ends.

        Args:
            at_start: names of variables that are the same for all tasks, whatever a library's
                import makes of them: its interpreters start with them.
        """
        with _opened(self.folder):
            (self.folder / program.OWNER).write_text(str(os.getpid()))
            self._variables.keep(at_start)

    def _of_a_host(self) -> dict[str, str]:
        """Keep what runs left in the home folder of all of them out of an interpreter."""
        owned = (self.folder / program.OWNER).exists()
        return {"PYTHONNOUSERSITE": "1"} if owned else {}

    def end(self, tag: str) -> None:
        """End what was forked with this value of :data:`TAG`, and wait until it is gone."""
        self._tell({"kind": "end", "tag": tag})

    def close(self) -> None:
        """End them all, and what they forked."""
        self._tell({"kind": "end"})

    def _tell(self, request: Mapping[str, str]) -> None:
        """Tell all of them, and only then wait for any: one may not answer in time."""
        asked: list[socket.socket] = []
        with contextlib.suppress(OSError), _opened(self.folder) as folder:
            for file in self.folder.glob("*.sock"):
                with contextlib.suppress(OSError):
                    if (connection := _connected(folder, file.stem)) is not None:
                        asked.append(connection)
                        connection.sendall(json.dumps(request).encode() + b"\n")
        latest = time.monotonic() + ANSWER_S
        for connection in asked:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(max(0.0, latest - time.monotonic()))
                connection.recv(64)

    def _start(
        self,
        folder: int,
        name: str,
        interpreter: str,
        environment: Mapping[str, str],
        preload: Sequence[str],
        wanted: Wanted,
    ) -> socket.socket:
        held = os.open(f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            lock(held, wanted)
            if (connection := _connected(folder, name)) is not None:
                return connection
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{name}.sock", dir_fd=folder)
            start(
                [interpreter, program.__file__, f"{name}.sock"],
                env={**environment, **TO_FORK, **self._of_a_host()},
                folder=folder,
                config={"preload": list(preload), "without": [], "idle_s": self._idle_s},
                log=self.folder / f"{name}.log",
                wanted=wanted,
            )
        finally:
            os.close(held)
        connection = _connected(folder, name)
        if connection is None:
            raise OSError("the zygote that was just started does not answer")
        return connection


def own_zygotes() -> Zygotes:
    """Return the zygotes of this person on this machine, outside of any platform."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return Zygotes(runtime / f"galley-zygotes-{os.geteuid()}")


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open the folder, made private; sockets are named relative to it, however long its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise OSError(f"{folder} must belong to uid {os.geteuid()} alone (mode 0700)")
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def handed_over(told: Mapping[str, Any]) -> Iterator[int]:
    """Write what only one process may know to a file without a name, for it to read."""
    with open(os.memfd_create("galley-told"), "wb") as file:  # noqa: PTH123
        file.write(json.dumps(told).encode())
        file.flush()
        file.seek(0)
        yield file.fileno()


def _name(interpreter: str, environment: Mapping[str, str], *, bare: bool) -> str:
    files = Path(program.__file__).parent.glob("*.py")
    changed = sorted(file.stat().st_mtime_ns for file in files)  # an upgrade has its own zygotes
    said = json.dumps([interpreter, changed, sorted(environment.items()), bare])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _connected(folder: int, name: str) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(ANSWER_S)  # one that was stopped takes up no connection
    try:
        connection.connect(f"/proc/self/fd/{folder}/{name}.sock")
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError:
        connection.close()
        raise
    return connection


def _ask(
    connection: socket.socket, request: Mapping[str, Any], files: Sequence[int], wanted: Wanted
) -> ForkedKernel:
    """Send a request and read the answer."""
    try:
        data = json.dumps(request).encode() + b"\n"
        sent = socket.send_fds(connection, [data[: 1 << 16]], list(files))
        connection.sendall(data[sent:])
        answer = _answer(connection, wanted)
        forked = ForkedKernel(connection, answer)
    except KeyError:
        connection.close()
        if "read" in answer:
            raise _HasRead(answer["read"]) from None
        raise OSError(answer.get("error", "the zygote did not fork")) from None
    except BaseException:
        connection.close()
        raise
    connection.settimeout(None)
    return forked


def _answer(connection: socket.socket, wanted: Wanted) -> dict[str, Any]:
    """Wait for the answer of a zygote, which imports what is new to it first."""
    if not readable_in_time(connection.fileno(), seconds=ANSWER_S, wanted=wanted):
        raise TimeoutError(f"the zygote has not answered for {ANSWER_S:g} s")
    answer: dict[str, Any] = json.loads(read_line(connection))
    return answer
