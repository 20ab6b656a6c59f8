"""The Dask cluster that a plain ``Client()`` in a run's notebooks reaches.

It is the run's own: made in its notebooks' environment when the first of them connects, within
their walls, and ended with the run. What notebooks have it execute is as far from the platform and
from other runs as they are themselves, and none of it waits for a worker that executes notebooks.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from galley.cluster.address import ClusterAddress
from galley.cluster.certificates import make_certificates
from galley.run.confine import confine
from galley.run.failures import human_bytes
from galley.run.family import Family
from galley.run.guard import Guard, Stop
from galley.run.lines import Lines
from galley.run.redaction import Redactor
from galley.run.usage import Meter
from galley.run.walls import Walls
from galley.run.wanted import Unwanted
from galley.run.zygotes import ForkedKernel, NoZygote, Zygotes

NAME = "dask-cluster"
"""What it is called where its use of memory and CPU stands beside that of the tasks."""
HOST = "127.0.0.1"
WAITING = 128
"""Clients that may wait while the cluster starts."""
LEAST_MEMORY = 256 * 2**20
"""Of a worker; where there is less for each, there are fewer of them."""
OWN_MEMORY = 256 * 2**20
"""Of the scheduler and what starts workers, beside the workers."""
MAX_TEXT = 2**20
"""Printed characters that go to the run's log."""
MAX_FAILURES = 3
"""How often in a row it may end otherwise than by a client's wish."""
CLOSE_S = 15.0
"""How long its end is waited for."""


class Size(NamedTuple):
    """Workers, with one thread each, and their memory together, bytes."""

    workers: int
    memory: int

    @property
    def each(self) -> int:
        """Memory of one worker, bytes."""
        return self.memory // self.workers

    def told(self, scratch: Path) -> dict[str, Any]:
        """Return it as :func:`galley.inside.cluster.serve` takes it."""
        return {"workers": self.workers, "memory": self.each, "scratch": str(scratch)}


def size_of(workers: int, memory: int) -> Size:
    """Return the size of a cluster with so much memory: no more workers than have room."""
    return Size(max(1, min(workers, memory // LEAST_MEMORY)), memory)


class NotebookCluster:
    """Waits for a client, and is a cluster from then on; used by one thread.

    Args:
        folder: the attempt's own: what workers spill goes to ``dask``, where they may write, and
            the files of its certificate to ``tls``, which nobody behind walls may change.
        name: the tenant's, for the certificates.
        zygotes: what forks it.
        say: takes one line of the log.
        used: takes the memory that it has, bytes, and the CPU time that it took until then,
            seconds, at most once a second.

    Raises:
        OSError: there is no port or no room for its files.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        size: Size,
        zygotes: Zygotes,
        say: Callable[[str], None],
        used: Callable[[int, float], None] = lambda _memory, _cpu_s: None,
    ) -> None:
        self._size = size
        self._folder = folder
        self._zygotes = zygotes
        self._say = say
        self._used = used
        (folder / "dask").mkdir(parents=True, exist_ok=True)
        files = make_certificates(folder / "tls", name=name, now=datetime.now(UTC))
        self._listener = socket.create_server((HOST, 0), backlog=WAITING)
        self.address = ClusterAddress(
            address=f"tls://{HOST}:{self._listener.getsockname()[1]}",
            ca=files.ca,
            cert=files.cert,
            key=files.key,
        )
        self._stop, self._stopping = os.pipe()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._own_shm = 0

    def open(
        self,
        *,
        python: Path | None,
        environment: Mapping[str, str],
        cwd: Path,
        walls: Walls | None,
        redactor: Redactor,
    ) -> None:
        """Begin to wait for a client.

        Args:
            python: interpreter of the notebooks; None: the platform's own.
            environment: of the notebooks, with what leads them here.
            walls: around them; None: there are none.
        """

        self._own_shm = walls.shared_memory if walls else 0

        def fork(output: int) -> ForkedKernel:
            return self._zygotes.fork(
                python=python,
                env=environment,
                cwd=cwd,
                kind="cluster",
                files=(self._listener.fileno(), output, output),
                argv=(json.dumps(self._size.told(self._folder / "dask")),),
                isolate=True,
                walls=walls,
                wanted=lambda: not self._closed.is_set(),
            )

        self._thread = threading.Thread(
            target=self._serve, args=(fork, redactor), name="notebook-cluster", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End it, and wait until nothing of it is left."""
        self._closed.set()
        os.close(self._stopping)
        if self._thread is not None:
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                self._say("dask: the cluster has not ended yet; it ends with the run's process")
                return
        os.close(self._stop)
        self._listener.close()

    def _serve(self, fork: Callable[[int], ForkedKernel], redactor: Redactor) -> None:
        printed, failures = Printed(self._say, redactor), 0
        while self._stop not in _readable(self._listener.fileno(), self._stop):
            try:
                failures = failures + 1 if self._be(fork, printed) else 0
            except Unwanted:
                return
            except (NoZygote, OSError) as error:
                self._give_up(str(error))
                return
            if failures == MAX_FAILURES:
                self._give_up(f"it has failed {failures} times")
                return

    def _give_up(self, why: str) -> None:
        self._say(f"dask: no cluster for this run's notebooks: {why}")
        self._listener.close()  # a client learns that there is none

    def _be(self, fork: Callable[[int], ForkedKernel], printed: Printed) -> int | None:
        """Be a cluster until it has ended; returns how, or None: it is to end."""
        reading, writing = os.pipe()
        with open(reading, "rb", buffering=0) as output:  # noqa: PTH123  it is open already
            try:
                process = fork(writing)
            finally:
                os.close(writing)
            with self._held(process) as guard:
                self._say(f"dask: a cluster of this run's own for its notebooks, {self._words()}")
                code = self._attend(process, output, printed)
            if guard.reason is Stop.MEMORY:
                limit = human_bytes(guard.memory)
                self._say(f"dask: the cluster used more than {limit} of memory and was ended")
            elif guard.failed is not None:
                why = guard.failed
                self._say(f"dask: the cluster was ended, it could not be held to its limits: {why}")
            elif code:
                self._say(f"dask: the cluster ended by itself ({code})")
            return code

    @contextlib.contextmanager
    def _held(self, process: ForkedKernel) -> Iterator[Guard]:
        """Hold the cluster to its limits; end it at the end."""
        memory = self._size.memory + OWN_MEMORY
        group, _ = confine(
            process.pid, f"dask-{process.pid}", memory=memory, cpu=None, limit=human_bytes(memory)
        )
        guard = Guard(
            Family(
                process.pid,
                None,
                baseline=process.inherited,
                held=group is None,
                own_shm=0 if process.unwalled else self._own_shm,
            ),
            memory=memory,
            deadline=datetime.max.replace(tzinfo=UTC),  # it ends with the run
            grace_s=0,
            cancelled=lambda: False,
            group=group,
            on_sample=Meter(self._used),
        )
        guard.start()
        try:
            yield guard
        finally:
            process.kill()
            guard.close()

    def _attend(self, process: ForkedKernel, output: Any, printed: Printed) -> int | None:
        """Take what the cluster prints until it has ended; returns how, or None: it is to end."""
        ended = process.connection.fileno()
        watched = {ended, self._stop, output.fileno()}
        while True:
            ready = _readable(*watched)
            if self._stop in ready:
                return None
            over = ended in ready
            if output.fileno() in ready:
                data = os.read(output.fileno(), MAX_TEXT if over else 1 << 16)
                printed.take(data)
                if not data:
                    watched.discard(output.fileno())
            if over:
                return process.wait()

    def _words(self) -> str:
        workers, memory = self._size.workers, human_bytes(self._size.each)
        return f"{workers} worker{'' if workers == 1 else 's'} of {memory} each"


class Printed:
    """Text that the cluster prints, as lines of the log."""

    def __init__(self, say: Callable[[str], None], redactor: Redactor) -> None:
        self._say = say
        self._pieces = redactor.pieces()
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._lines = Lines()
        self._room = MAX_TEXT

    def take(self, data: bytes) -> None:
        """Take bytes; none: that was all."""
        if self._room < 0:
            return
        text = self._pieces.feed(self._decoder.decode(data, final=not data))
        if data:
            lines = self._lines.feed(text)
        else:
            lines = self._lines.feed(text + self._pieces.rest()) + self._lines.rest()
        for line in lines.splitlines():
            self._room -= len(line)
            if self._room < 0:
                self._say(f"dask: no more of what it prints is kept than {MAX_TEXT >> 20} MiB")
                return
            self._say(f"dask: {line}")


def _readable(*files: int) -> set[int]:
    """Wait until one of the files can be read, or was closed at its other end; return those."""
    waiting = select.poll()  # not ``select``, which knows no file descriptors beyond 1023
    for file in files:
        waiting.register(file, select.POLLIN)
    return {file for file, _ in waiting.poll()}
