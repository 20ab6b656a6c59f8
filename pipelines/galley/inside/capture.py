"""What C code and child processes write to the file descriptors 1 and 2, as text of the streams.

One thread reads two pipes; it also flushes ipykernel's streams a moment after a cell wrote to them.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any


class Capture:
    """Replaces file descriptors by pipes and feeds what comes to streams.

    It belongs to the process that starts it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._streams: dict[int, tuple[Any, codecs.IncrementalDecoder]] = {}
        self._due: list[tuple[float, Callable[[], None]]] = []
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._lock = threading.RLock()
        self._due = []

    def start(self, streams: Mapping[int, Any]) -> None:
        """Capture file descriptors, each for an ``OutStream``, whose ``flush`` drains it first."""
        self._pid = os.getpid()
        self._wake, self._waker = os.pipe()
        for fd, stream in streams.items():
            reading, writing = os.pipe()
            stream._original_stdstream_copy = os.dup(fd)
            os.dup2(writing, fd)
            os.close(writing)
            os.set_blocking(reading, False)
            self._streams[reading] = (stream, codecs.getincrementaldecoder("utf-8")("replace"))
            stream.flush = self._draining(stream.flush)
        threading.Thread(target=self._run, name="galley-capture", daemon=True).start()

    def call_later(self, delay: float, call: Callable[[], None]) -> None:
        """Have ``call`` called in ``delay`` seconds; what the streams ask of an event loop."""
        with self._lock:
            self._due.append((time.monotonic() + delay, call))
        if os.getpid() == self._pid:
            os.write(self._waker, b"\0")

    def drain(self) -> None:
        """Take what is there."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            for fd in self._streams:
                self._read(fd)

    def _draining(self, flush: Callable[[], None]) -> Callable[[], None]:
        def drained_flush() -> None:
            self.drain()
            flush()

        return drained_flush

    def _read(self, fd: int) -> None:
        stream, decoder = self._streams[fd]
        with contextlib.suppress(BlockingIOError):
            while data := os.read(fd, 1 << 16):
                stream.write(decoder.decode(data))

    def _run(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                wait = min((at - now for at, _ in self._due), default=None)
            ready, _, _ = select.select([*self._streams, self._wake], [], [], wait and max(0, wait))
            if self._wake in ready:
                os.read(self._wake, 4096)
            with self._lock:
                for fd in ready:
                    if fd in self._streams:
                        self._read(fd)
                now = time.monotonic()
                calls = [call for at, call in self._due if at <= now]
                self._due = [(at, call) for at, call in self._due if at > now]
            for call in calls:
                call()
