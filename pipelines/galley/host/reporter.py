"""Renews an attempt's lease and reports what moved, until it is told to stop.

While the service is away, or has no room, the attempt goes on; what was not reported is reported
later.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from galley.domain.usage import Used
from galley.domain.work import Assignment, Heartbeat, TaskReport
from galley.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotSignedIn,
    PublicError,
    TooLarge,
    Unavailable,
)
from galley.host.outboxes import Outboxes
from galley.host.service import Service
from galley.host.shipping import LogShipper, NotebookShipper, UsageShipper
from galley.run.job import Job
from galley.run.journal import Report, note, read_report

TICK_S = 0.25
RETRY_S = 1.0
UPLOAD_EVERY_S = 2.0
USED_EVERY_S = 2.0
REFUSED = (Conflict, NotFound, NotSignedIn)
"""How the service says that an attempt is nobody's any more. Whatever else it says may pass: should
the lease end meanwhile, one of these follows."""
MOST_BEATS = 8
"""Beats in one go while there is more log than one takes."""


class Reporter(threading.Thread):
    """One thread per attempt.

    Attributes:
        cancel: set when the service wants the attempt to end.
        lost: set when the service refuses this attempt's reports; nobody waits for it any more.
    """

    def __init__(
        self, service: Service, assignment: Assignment, job: Job, outboxes: Outboxes
    ) -> None:
        super().__init__(name=f"report-{assignment.attempt}", daemon=True)
        self._service = service
        self._assignment = assignment
        self._job = job
        self._outboxes = outboxes
        self._closed = threading.Event()
        self._reported: Report | None = None
        self._last_beat = 0.0
        self._last_upload = 0.0
        self._quiet_until = 0.0
        self._renewing = False
        self._shipped: set[str] = set()
        self._told: set[str] = set()
        self.cancel = threading.Event()
        self.lost = threading.Event()
        self.log = LogShipper(job.journal / "attempt.log")
        self.usage = UsageShipper(job.journal / "usage.jsonl")
        self.notebooks = NotebookShipper(job.notebooks, self._upload)

    def run(self) -> None:
        """Beat until closed or lost."""
        while not self._closed.wait(TICK_S) and not self.lost.is_set():
            if time.monotonic() >= self._quiet_until:
                self._tick()

    def close(self) -> None:
        """Stop; what is still to be told goes with the outcome."""
        self._closed.set()
        if self.is_alive():
            self.join()

    def beat(self) -> bool:
        """Send one heartbeat; returns whether there may be more to send.

        Raises:
            Unavailable: the service did not answer, or has no room for what was sent, which is
                sent again.
        """
        report = self._report() or Report()
        text = self.log.next()
        lines, used = self.usage.next()
        self._tell(report, text, used)
        self.log.shipped(text)
        self.usage.shipped(lines)
        self._reported = report
        self._last_beat = time.monotonic()
        return bool(text or used)

    def _tell(self, report: Report, log: str = "", used: tuple[Used, ...] = ()) -> None:
        """Renew the lease with what is told; learn whether the attempt is to end."""
        beat = Heartbeat(
            fencing=self._assignment.fencing,
            phase=report.phase,
            tasks=report.tasks,
            mlflow_run_id=report.mlflow_run_id,
            log_offset=self.log.offset,
            log=log,
            used=used,
        )
        try:
            cancel = self._service.heartbeat(self._assignment, beat).cancel
        except Unavailable as error:
            if error.data.get("cancel"):
                self.cancel.set()
            raise
        if cancel:
            self.cancel.set()

    @contextlib.contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew the lease meanwhile: what is sent may be large, and the way to the service slow.

        Within another one it is renewed already.
        """
        if self._renewing:
            yield
            return
        sent = threading.Event()
        renewing = threading.Thread(target=self._renew_until, args=(sent,), name="renew")
        self._renewing = True
        renewing.start()
        try:
            yield
        finally:
            sent.set()
            renewing.join()
            self._renewing = False

    def _renew_until(self, sent: threading.Event) -> None:
        while not sent.wait(self._assignment.heartbeat_s):
            try:
                self._tell(self._reported or Report())
            except REFUSED:
                self.lost.set()
                return
            except PublicError:
                continue

    def named(self, tasks: tuple[TaskReport, ...]) -> tuple[TaskReport, ...]:
        """Return reports of tasks with the ids that their runs have on MLflow's server by now."""
        return tuple(
            task.model_copy(update={"mlflow_run_id": self._known(task.mlflow_run_id)})
            for task in tasks
        )

    def _report(self) -> Report | None:
        report = read_report(self._job.journal)
        if report is None:
            return None
        known = self._known(report.mlflow_run_id)
        return report.model_copy(update={"mlflow_run_id": known, "tasks": self.named(report.tasks)})

    def _known(self, run: str | None) -> str | None:
        return self._outboxes.known(self._assignment.attempt, run)

    def _tick(self) -> None:
        now = time.monotonic()
        try:
            if now - self._last_beat >= self._assignment.heartbeat_s or self._moved(now):
                self._beat_on()
            if now - self._last_upload >= UPLOAD_EVERY_S:
                self._last_upload = now
                self.notebooks.ship()
        except REFUSED:
            self.lost.set()
        except PublicError:
            self._quiet_until = now + RETRY_S

    def ship_files(self) -> None:
        """Upload the outputs that the notebooks have only in part, each once.

        What is refused is named in the attempt's log, which is to be sent after it.

        Raises:
            Unavailable: the service did not answer.
        """
        for path in sorted(self._job.outputs.glob("*")):
            if path.name in self._shipped:
                continue
            try:
                with self.renewing():
                    self._service.upload_file(
                        self._assignment.attempt, self._assignment.run_token, path
                    )
            except (TooLarge, InvalidInput) as error:
                self._refused(f"the file {path.name!r}", error)
            self._shipped.add(path.name)

    def _beat_on(self) -> None:
        for _ in range(MOST_BEATS):
            self.beat()
            if not self.log.waiting:
                return

    def _moved(self, now: float) -> bool:
        if self.usage.waiting and now - self._last_beat >= USED_EVERY_S:
            return True
        return self.log.waiting or self._report() != self._reported

    def _upload(self, task: str, content: bytes) -> None:
        try:
            with self.renewing():
                self._service.upload(
                    self._assignment.attempt, self._assignment.run_token, task, content
                )
        except (TooLarge, InvalidInput) as error:
            self._refused(f"the notebook of task {task!r}, as it was executed by now,", error)

    def _refused(self, what: str, error: PublicError) -> None:
        """Say once, in the log of the attempt, what the service does not keep, and why."""
        if what not in self._told:
            self._told.add(what)
            note(self._job.journal, f"{what} is not kept: {error.detail}")
