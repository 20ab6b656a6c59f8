"""A process of its own with little memory and time: hostile source dies there.

Reading Python can exhaust stack, memory or time (``ast.parse`` of deeply nested source ends a
process with a segmentation fault). A module that answers requests in such a process ends with
``serve({"what": function})``; :func:`ask` hands one request to a fork of it, which ends with it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from galley.errors import BY_CODE, InvalidInput, PublicError, Unavailable
from galley.forks import WarmParent, read_line, readable, serve_forks

IDLE_S = 600.0
"""After this time in which nobody asked, the process that waits ends, and after as much again its
parent; the next answer takes longer, as the first did."""
_SIZE = 8
"""Bytes of a text's length, which comes before it."""


@dataclass(frozen=True)
class ReadingLimits:
    """What one reading may use.

    Attributes:
        memory: address space, bytes.
        cpu_s: CPU time, seconds.
        timeout_s: wall time, seconds.
    """

    memory: int = 2**30
    cpu_s: int = 30
    timeout_s: float = 90


def ask(module: str, what: str, request: Mapping[str, Any], limits: ReadingLimits) -> Any:
    """Return what a fork of ``python -m module`` answers to a request of plain JSON.

    Raises:
        InvalidInput: reading it takes more than ``limits``.
        Unavailable: no process can be had.
        PublicError: whatever the answering function raised.
    """
    try:
        asked = {"what": what, "memory": limits.memory, "cpu_s": limits.cpu_s, **request}
        text = json.dumps(asked).encode()
    except RecursionError as error:
        raise _too_much("it is nested too deeply") from error
    try:
        answer = json.loads(_readers(module).answer(text, limits.timeout_s))
    except TimeoutError as error:
        raise _too_much(f"reading it took longer than {limits.timeout_s:g} s") from error
    if "problem" in answer:
        problem = answer["problem"]
        raise BY_CODE[problem["code"]](
            problem["detail"], field=problem.get("field"), **problem.get("data", {})
        )
    return answer["answer"]


def serve(
    answers: Mapping[str, Callable[[dict[str, Any]], Any]], warm_up: Callable[[], None]
) -> None:
    """Be the parent of processes that answer one request each; how one failed, its end tells.

    Args:
        warm_up: a reading, which makes ready what the first one needs.
    """

    def attend(connection: socket.socket) -> int:
        connection.settimeout(IDLE_S)
        with connection.makefile("rb") as given:
            try:
                text = given.read(int.from_bytes(given.read(_SIZE)))
            except TimeoutError:
                return 0
        if not text:  # nobody wants it any more
            return 0
        connection.settimeout(None)
        request = json.loads(text)
        resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
        used = math.ceil(time.process_time())
        limit = used + request["cpu_s"]
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            answer = {"answer": answers[request["what"]](request)}
        except PublicError as error:
            answer = {"problem": error.problem()}
        connection.sendall(_framed(json.dumps(answer).encode()))
        return 0

    warm_up()  # not when nothing is to be done: a fork always waits for the next request
    gc.collect()
    gc.freeze()
    serve_forks(attend, idle_s=IDLE_S, outlived=False)


class _Readers:
    """Processes that read one thing each; one is always there, waiting for the next.

    Args:
        module: calls :func:`serve` when it is run.
    """

    def __init__(self, module: str) -> None:
        self._parent = WarmParent(
            [sys.executable, "-I", "-m", module],
            {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            quiet=True,
        )
        self._spare: socket.socket | None = None
        self._lock = threading.Lock()

    def answer(self, text: bytes, timeout_s: float) -> bytes:
        """Return the answer to a request.

        Raises:
            InvalidInput: the process died of it.
            TimeoutError: it is not there in time.
            Unavailable: no process can be had.
        """
        latest = time.monotonic() + timeout_s
        for take in (self._take_spare, self._parent.fork):
            try:
                connection = take()
            except OSError as error:
                raise Unavailable(f"No process can be had that reads notebooks: {error}") from error
            if connection is None:
                continue
            with connection:
                said = _exchange(connection, text, latest)
            self._have_spare()
            if _is_whole(said):
                return said[_SIZE : _SIZE + int.from_bytes(said[:_SIZE])]
            if status := _status(said):
                raise _too_much(_cause(status))
        raise Unavailable("The process that reads notebooks went away. Try again.")

    def _take_spare(self) -> socket.socket | None:
        with self._lock:
            connection, self._spare = self._spare, None
        return connection

    def _have_spare(self) -> None:
        with self._lock:
            if self._spare is None:
                with contextlib.suppress(OSError):
                    self._spare = self._parent.fork()


_STARTED: dict[tuple[str, int], _Readers] = {}
_STARTING = threading.Lock()


def _readers(module: str) -> _Readers:
    """Return those of this process: a fork of it has to have its own."""
    with _STARTING:
        return _STARTED.setdefault((module, os.getpid()), _Readers(module))


def _exchange(connection: socket.socket, text: bytes, latest: float) -> bytes:
    """Return what a process answers, or, where it ends without, what its parent says of that.

    Nothing, where both are gone. Whatever ends the waiting ends the process.
    """
    said = b""
    try:
        connection.settimeout(max(0.001, latest - time.monotonic()))
        pid = int(json.loads(read_line(connection))["pid"])
    except ConnectionError:
        return said
    try:
        if readable(connection, 0):
            return said
        connection.sendall(_framed(text))
        while not _is_whole(said):
            connection.settimeout(max(0.001, latest - time.monotonic()))
            more = connection.recv(2**16)
            if not more:
                break
            said += more
    except ConnectionError:  # it died before it had read all; its parent still tells how
        with contextlib.suppress(ConnectionError):
            said += connection.recv(4096)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        raise
    return said


def _is_whole(said: bytes) -> bool:
    return len(said) >= _SIZE + int.from_bytes(said[:_SIZE])


def _status(said: bytes) -> int:
    """Return with what a process has ended that gave no answer.

    0: it was idle for too long, or its parent went as well and nobody tells.
    """
    with contextlib.suppress(ValueError, KeyError):
        return os.waitstatus_to_exitcode(json.loads(said[said.rindex(b"{") :])["status"])
    return 0


def _framed(text: bytes) -> bytes:
    return len(text).to_bytes(_SIZE) + text


def _cause(returncode: int) -> str:
    if returncode == -signal.SIGXCPU:
        return "reading it took too much time"
    return "it is nested too deeply or takes too much memory to read"


def _too_much(cause: str) -> InvalidInput:
    return InvalidInput(
        f"this notebook cannot be analysed: {cause}. Split very long or deeply nested "
        "expressions, and read large literals from a file",
        field="notebook",
    )
