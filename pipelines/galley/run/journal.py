"""The journal: files through which the runner tells the host how far the attempt is.

``attempt.log``   text with timestamps, only appended to
``usage.jsonl``   what the tasks use, a line for each point, only appended to
``report.json``   the latest state of each task and the MLflow run, replaced in one step
``outcome.json``  how it ended; written last
"""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime
from pathlib import Path

from galley.domain.model import Model
from galley.domain.usage import Used
from galley.domain.work import Outcome, TaskReport
from galley.run.job import write_private

MAX_LOG = 128 * 2**20
MAX_USAGE = 32 * 2**20
REPLACE_EVERY_S = 0.05
"""How long the report may lag behind: tasks tell more often than anybody reads it."""


class Report(Model):
    """How far the attempt is; ``phase`` is what a rehearsal does beside running, in words."""

    phase: str | None = None
    tasks: tuple[TaskReport, ...] = ()
    mlflow_run_id: str | None = None


class Journal:
    """Writes the journal; may be used by several threads.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._lock = threading.Lock()
        self._reported = self._written = Report()
        self._replacing: threading.Thread | None = None
        self._replaced = threading.Lock()
        self._due, self._ended = threading.Event(), threading.Event()
        self._log = (folder / "attempt.log").open("a", encoding="utf-8", errors="backslashreplace")
        self._usage = (folder / "usage.jsonl").open("a", encoding="utf-8")

    def write(self, text: str, *, task: str | None = None, at: datetime | None = None) -> None:
        """Append whole lines to the log, each with its time and task.

        At 128 MiB the log is cut, with a line that says so.
        """
        head = _head(at or datetime.now(UTC), task)
        with self._lock:
            if self._log.closed or self._log.tell() > MAX_LOG:
                return
            for line in text.splitlines():
                self._log.write(f"{head}{line}\n")
            if self._log.tell() > MAX_LOG:
                self._log.write(f"{head}the log is cut here, at {MAX_LOG // 2**20} MiB\n")
            self._log.flush()

    def used(self, point: Used) -> None:
        """Append a point of what a task uses; past 32 MiB of them nothing more is noted."""
        with self._lock:
            if not self._usage.closed and self._usage.tell() < MAX_USAGE:
                self._usage.write(f"{point.model_dump_json()}\n")
                self._usage.flush()

    @property
    def reported(self) -> Report:
        """The latest report, which may not be in its file yet."""
        return self._reported

    def report(self, report: Report) -> None:
        """Have the report replaced, in a moment."""
        with self._lock:
            self._reported = report
            if self._replacing is None:
                self._replacing = threading.Thread(target=self._replace, name="report", daemon=True)
                self._replacing.start()
        self._due.set()

    def settle(self) -> None:
        """Replace the report now, where that is due.

        Raises:
            OSError: it cannot be written.
        """
        with self._replaced:
            report = self._reported
            if report is not self._written:
                write_private(self.folder / "report.json", report.model_dump_json())
                self._written = report

    def _replace(self) -> None:
        while not self._ended.is_set():
            self._due.wait()
            self._due.clear()
            try:
                self.settle()
            except OSError:  # a full disk may have room again; `settle` at the end says so
                self._due.set()
            self._ended.wait(REPLACE_EVERY_S)

    def end(self, outcome: Outcome) -> None:
        """Write the report and the outcome; nothing follows."""
        self._ended.set()
        self._due.set()
        if self._replacing is not None:
            self._replacing.join()
        with contextlib.suppress(OSError):  # the outcome says of each task what the report would
            self.settle()
        write_private(self.folder / "outcome.json", outcome.model_dump_json())
        with self._lock:
            self._log.close()
            self._usage.close()


def note(folder: Path, line: str) -> None:
    """Append a line to a journal's log that its runner writes to at the same time."""
    with (folder / "attempt.log").open("a", encoding="utf-8", errors="backslashreplace") as log:
        log.write(f"{_head(datetime.now(UTC), None)}{line}\n")


def _head(at: datetime, task: str | None) -> str:
    moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{moment} {task or 'galley'} | "


def read_report(folder: Path) -> Report | None:
    """Return the latest report, or None before the first."""
    path = folder / "report.json"
    return Report.model_validate_json(path.read_bytes()) if path.exists() else None


def read_outcome(folder: Path) -> Outcome | None:
    """Return the outcome, or None when the runner wrote none."""
    path = folder / "outcome.json"
    return Outcome.model_validate_json(path.read_bytes()) if path.exists() else None
