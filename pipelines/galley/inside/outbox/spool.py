"""The files of an outbox: append-only, one complete JSON object per line.

One folder per attempt, and in it:

``NAME/log.jsonl``  what one task logged; ``run/log.jsonl`` is the attempt's own run
``NAME/files/``     files to be stored with the run, hard links where possible
``NAME/wanted``     somebody in the task waits for what was logged to be sent
``state.jsonl``     which local run is which run on the server, and how far each log was sent
``lock``            held while a run is being made on the server

Each record is one ``write`` to a file opened for appending, between two newlines. When the call
returns, the record outlives this process, however it dies: it is in the system's page cache. A
writer that is killed in mid-write leaves an unfinished line; the next record begins on a new one,
and readers leave out what is no JSON object. Against a loss of power, logs are synced to disk when
their attempt ends (:func:`sync`), not at each record.

A task may have put anything in the place of a file or a folder of these. So all are opened by way
of :mod:`.within`, and whoever reads one is ready for it to be refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from . import within

LOG = "log.jsonl"
STATE = "state.jsonl"
RUN = "run"
"""Name of the log of the attempt's own run."""
MAX_LOG = 256 * 2**20
"""Bytes that one task may log."""
EXPERIMENT = "galley-task-experiment"
"""Id of the task's own experiment, as long as the server need not be asked for the real one."""
LOCAL_RUN = re.compile(r"galley-[0-9a-f]{32}")
NAME = re.compile(r"[\w.-]{1,200}")
POLL_S = 0.05

Record = dict[str, Any]


class OutboxFull(Exception):
    """A record could not be written as a whole."""


class LogFull(OutboxFull):
    """The log is as large as one may be."""


def local_run() -> str:
    """Return a new id of a run, known to nobody yet."""
    return f"galley-{uuid.uuid4().hex}"


class Log:
    """Appends to one log; the same one may be open in several processes.

    Args:
        path: of the file; its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def append(self, record: Record) -> None:
        """Write one record; it outlives the process when this returns.

        Raises:
            OutboxFull: there is no room for it; nothing of it counts.
        """
        line = b"\n" + json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            if self._fd is None:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
                self._fd = _opened(self.path, flags)
            size = os.fstat(self._fd).st_size
            written = os.write(self._fd, line) if size + len(line) <= MAX_LOG else 0
        except OSError as error:
            raise OutboxFull(f"{self.path} cannot be written: {error}") from error
        if size + len(line) > MAX_LOG:
            raise LogFull(
                f"one task may log {MAX_LOG // 2**20} MiB; log less often, or an artifact instead"
            )
        if written < len(line):
            raise OutboxFull(f"{self.path} cannot be written: the disk is full")

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def read(path: Path, offset: int = 0) -> tuple[list[Record], int, int]:
    """Return the complete records after ``offset``, where they end, and how many were broken.

    A missing file has no records. A line that is still being written is left for the next time.

    Raises:
        Refused: it is no plain file, or it lies behind a link.
        OSError: it cannot be read.
    """
    try:
        with os.fdopen(_opened(path, os.O_RDONLY), "rb") as file:
            file.seek(offset)
            data = file.read(MAX_LOG + 2**20)
    except FileNotFoundError:
        return [], offset, 0
    end = data.rfind(b"\n") + 1
    records: list[Record] = []
    broken = 0
    for line in data[:end].split(b"\n"):
        if not line:
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):  # nothing but brackets
            record = None
        if isinstance(record, dict):
            records.append(record)
        else:
            broken += 1
    return records, offset + end, broken


def size(path: Path) -> int:
    """Return the size of a log, bytes; 0 where there is none. Raises as :func:`read` does."""
    try:
        file = _opened(path, os.O_RDONLY)
    except FileNotFoundError:
        return 0
    try:
        return os.fstat(file).st_size
    finally:
        os.close(file)


def logs(folder: Path) -> list[str]:
    """Return the names of an attempt's logs; that of its own run comes first.

    What only may be one is named as well: whoever reads it is told why it is refused.
    """
    names: list[str] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        names = [one.name for one in entries if NAME.fullmatch(one.name) and _is_log(folder, one)]
    return sorted(names, key=lambda name: (name != RUN, name))


def _is_log(folder: Path, entry: os.DirEntry[str]) -> bool:
    if entry.is_symlink():
        return True
    if not entry.is_dir(follow_symlinks=False):
        return False
    try:
        return within.there(folder, PurePath(entry.name, LOG))
    except within.Refused:  # it has just become a link
        return True


def sync(folder: Path) -> None:
    """Have an attempt's logs and its state on disk."""
    for path in (*(folder / name / LOG for name in logs(folder)), folder / STATE):
        with contextlib.suppress(FileNotFoundError, within.Refused):
            descriptor = _opened(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _opened(path: Path, flags: int) -> int:
    """Open a log, or the state: neither it nor the folder that it lies in may be a link."""
    folder = path.parent
    return within.opened(folder.parent, PurePath(folder.name, path.name), flags)


class State:
    """What is known about the server; grows, and is read anew where somebody else may write.

    Attributes:
        runs: local id → ``{"id", "experiment", "artifacts", "by"}`` of the run on the server.
        begun: local id → when a run for it was asked for, each time, ms since 1970: from then on it
            may exist on the server. A request that certainly never arrived is taken back.
        experiments: name → id.
        sent: name of a log → how many bytes of it have arrived.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / STATE
        self._log = Log(self._path)
        self._offset = 0
        self._lock = threading.Lock()
        self.runs: dict[str, dict[str, str]] = {}
        self.begun: dict[str, list[int]] = {}
        self.experiments: dict[str, str] = {}
        self.sent: dict[str, int] = {}

    def refresh(self) -> None:
        """Read what was added by others. Raises as :func:`read` does."""
        with self._lock:
            records, self._offset, _ = read(self._path, self._offset)
            self._take_all(records)

    def _take_all(self, records: list[Record]) -> None:
        for record in records:
            with contextlib.suppress(KeyError, TypeError, ValueError, IndexError):
                self._take(record)  # tenants can write here: what makes no sense says nothing

    def add(self, **record: Any) -> None:
        """Write one piece of knowledge."""
        self._log.append(record)
        self.refresh()

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def _take(self, record: Record) -> None:
        kind = record.get("know")
        if kind == "begun":
            self.begun.setdefault(str(record["run"]), []).append(int(record["at"]))
        elif kind == "not begun":
            self.begun.get(str(record["run"]), [0]).pop()
        elif kind == "run":
            texts = {name: str(record[name]) for name in ("id", "experiment", "artifacts", "by")}
            self.runs.setdefault(str(record["run"]), texts)
        elif kind == "experiment":
            self.experiments[str(record["name"])] = str(record["id"])
        elif kind == "sent":
            self.sent[str(record["log"])] = int(record["offset"])


@contextlib.contextmanager
def creating(folder: Path, timeout_s: float) -> Iterator[None]:
    """Hold the right to make runs on the server; the system takes it back from a killed holder.

    Raises:
        TimeoutError: somebody else kept it for ``timeout_s``.
        Refused: no plain file is where the lock is.
    """
    descriptor = within.opened(folder, PurePath("lock"), os.O_RDWR | os.O_CREAT)
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(
                        f"another process is making MLflow runs since {timeout_s:g} s"
                    ) from None
                time.sleep(POLL_S)
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked child may still have the file open
        os.close(descriptor)
