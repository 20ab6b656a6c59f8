"""One leased attempt, from its project to its outcome."""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from galley.cluster.address import ClusterAddress
from galley.cluster.provider import ClusterProvider, ClusterUnavailable
from galley.domain.runs import AttemptState, FailureClass, TaskState
from galley.domain.versions import CellError
from galley.domain.work import Assignment, HeartbeatReply, Outcome, TaskReport
from galley.errors import PublicError, Unavailable
from galley.forks.forked import Forked
from galley.host.config import HostConfig
from galley.host.delivery import deliver
from galley.host.outboxes import Outboxes
from galley.host.reporter import Reporter
from galley.host.runners import Runners, Spare, end
from galley.host.service import Service
from galley.project.archive import unpack
from galley.run.cache import prune
from galley.run.job import Job, Tracking, write_private
from galley.run.journal import Report, note, read_outcome, read_report
from galley.run.outputs import MAX_CELL, MAX_OUTPUT
from galley.run.processes import kill_all, marked
from galley.run.progress import running
from galley.run.zygotes import TAG, Zygotes
from galley.tracking.parent import status_of

logger = logging.getLogger(__name__)

GRACE_S = 5.0
END_S = 25.0
"""Grace of the kernel, waiting for the cluster's workers, last words to MLflow: all together."""
PROJECT_S = 30.0
"""How long the project is asked for while the service does not answer."""
RESULTS_S = 30 * 24 * 3600
"""How long what nobody took over is kept for incremental runs."""


class AttemptRun:
    """Executes one assignment in the calling thread.

    Args:
        cluster: where a pipeline's tasks run; not used for a rehearsal.
        outboxes: send what the attempt logs to MLflow.
        stopping: set when the host itself must end.
    """

    def __init__(
        self,
        config: HostConfig,
        service: Service,
        cluster: ClusterProvider,
        runners: Runners,
        outboxes: Outboxes,
        assignment: Assignment,
        stopping: threading.Event,
    ) -> None:
        self._config = config
        self._service = service
        self._cluster = cluster
        self._runners = runners
        self._outboxes = outboxes
        self._assignment = assignment
        self._stopping = stopping
        self._folder = config.folder / "attempts" / str(assignment.attempt)
        self._started_at = datetime.now(UTC)

    def run(self) -> None:
        """Execute, report, clean up; returns when the service knows the outcome or refuses it."""
        self._folder.mkdir(mode=0o700, parents=True)
        job = self._job()
        reporter = Reporter(self._service, self._assignment, job, self._outboxes)
        ending = AttemptState.LOST
        spare: Future[Spare] | None = None
        try:
            with ThreadPoolExecutor(2, thread_name_prefix="prepare") as preparing:
                project = preparing.submit(self._service.project, self._assignment)
                spare = preparing.submit(self._runners.spare)
                if self._start().cancel:
                    reporter.cancel.set()
                reporter.start()
            outcome = self._execute(job, reporter, project, spare)
            reporter.close()
            self._sweep()
            ending = outcome.state
            self._outboxes.ended(job.attempt, status_of(ending))
            if not reporter.lost.is_set():
                deliver(self._service, self._assignment, outcome, reporter, self._stopping)
        except PublicError as error:
            logger.warning("attempt %s: %s", self._assignment.attempt, error.detail)
        finally:
            if spare is not None and spare.exception() is None:
                spare.result().close()
            reporter.close()
            self._sweep()
            self._outboxes.ended(job.attempt, status_of(ending))
            shutil.rmtree(self._folder, ignore_errors=True)
            prune(self._config.kept, time.time())
            if self._assignment.incremental:
                prune(self._config.results, time.time(), max_age_s=RESULTS_S)

    def _start(self) -> HeartbeatReply:
        """Say that the attempt begins, until the service has heard it, or refuses it."""
        while True:
            try:
                return self._service.start(self._assignment)
            except Unavailable as error:
                logger.warning("attempt %s: %s", self._assignment.attempt, error.detail)
                if self._stopping.wait(1):
                    raise

    def _job(self) -> Job:
        given = self._assignment
        return Job(
            attempt=given.attempt,
            run=given.run,
            number=given.number,
            kind=given.kind,
            tenant=given.tenant,
            person=given.person,
            pipeline=given.pipeline,
            version=given.version,
            parameters=given.parameters,
            logical_date=given.logical_date,
            profile=given.profile,
            profile_name=given.profile_name,
            next_profile=given.next_profile,
            cell_timeout_s=given.cell_timeout_s,
            max_output=given.max_output or MAX_OUTPUT,
            max_cell=given.max_cell or MAX_CELL,
            started_at=self._started_at,
            timeout_s=given.timeout_s,
            scratch_limit=given.scratch,
            project=self._folder / "project",
            folder=self._folder,
            tracking=Tracking(
                uri=f"{self._config.origin}{given.tracking_path.rstrip('/')}",
                token=given.task_token,
                experiment=given.experiment,
                outbox=self._outboxes.open(given.attempt, given.experiment, self._note),
            ),
            dask_workers=self._config.workers,
            environment=given.environment,
            rehearsal=given.rehearsal,
            zygotes=self._config.zygotes,
            kept=None if given.kind.personal else self._config.kept / str(given.run),
            results=self._config.results if given.incremental else None,
            environments=self._config.environments,
            private=self._config.folder,
            own_scratch=self._config.own_scratch,
            machine_gpus=self._config.machine_gpus,
            grace_s=GRACE_S,
        )

    def _execute(
        self, job: Job, reporter: Reporter, project: Future[bytes], spare: Future[Spare]
    ) -> Outcome:
        try:
            runner = spare.result()
        except OSError as error:
            return self._broken(job, f"no runner process could be had: {error}")
        try:
            unpack(self._project(project), job.project)
        except (OSError, PublicError) as error:
            return self._broken(job, f"the project could not be fetched: {error}")
        if job.kind.personal:
            return self._attend(job, reporter, runner, None)
        try:
            address = self._cluster.acquire(self._tell_of_the_cluster)
        except ClusterUnavailable as error:
            return self._broken(job, str(error))
        try:
            return self._attend(job, reporter, runner, address)
        finally:
            self._cluster.release()

    def _tell_of_the_cluster(self) -> None:
        """Say what nothing else of the run's log could say: its runner has not begun."""
        (self._folder / "journal").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._note("the tenant's cluster is not running: it is being started")

    def _project(self, first: Future[bytes]) -> bytes:
        """Return the project: what the first try got, made while the attempt began, or another."""
        deadline = time.monotonic() + PROJECT_S
        fetch = first.result
        while True:
            try:
                return fetch()
            except Unavailable:
                fetch = partial(self._service.project, self._assignment)
                if time.monotonic() > deadline or self._stopping.wait(1):
                    raise

    def _attend(
        self, job: Job, reporter: Reporter, spare: Spare, address: ClusterAddress | None
    ) -> Outcome:
        """Give the job to its runner and wait for its end, or for a reason to end it."""
        job = job.model_copy(update={"cluster": address})
        path = self._folder / "job.json"
        write_private(path, job.model_dump_json())
        try:
            runner = self._give(path, reporter, spare)
        except OSError as error:
            if self._ends(reporter):
                return self._judge(job, 0, reporter)
            return self._broken(job, f"no runner process could be had: {error}")
        try:
            return self._wait(job, runner, reporter)
        finally:
            end(runner, grace_s=1)

    def _give(self, job: Path, reporter: Reporter, spare: Spare) -> Forked:
        """Give the job away, to another runner where what forks them was killed meanwhile."""
        packages = self._config.packages.model_dump_json()
        secrets = self._assignment.secrets.model_dump_json()

        def wanted() -> bool:
            return not self._ends(reporter)

        try:
            return spare.give(job, packages, secrets, wanted)
        except OSError:
            if not wanted():
                raise
        with closing(self._runners.spare()) as another:
            return another.give(job, packages, secrets, wanted)

    def _ends(self, reporter: Reporter) -> bool:
        """Whether the attempt is to end, whatever it has come to."""
        return reporter.cancel.is_set() or reporter.lost.is_set() or self._stopping.is_set()

    def _wait(self, job: Job, runner: Forked, reporter: Reporter) -> Outcome:
        latest = time.monotonic() + job.environment_s + job.timeout_s + job.grace_s + END_S
        if job.rehearsal is not None:
            latest += job.rehearsal.budget_s
        told = False
        while runner.poll() is None:
            if self._ends(reporter) and not told:
                runner.terminate()
                told = True
                latest = min(latest, time.monotonic() + job.grace_s + END_S)
            if time.monotonic() >= latest:
                runner.kill()
                runner.wait()
                break
            try:
                runner.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
        return self._judge(job, runner.wait(), reporter)

    def _judge(self, job: Job, returncode: int, reporter: Reporter) -> Outcome:
        outcome = read_outcome(job.journal)
        if self._stopping.is_set() and (outcome is None or outcome.state is AttemptState.CANCELLED):
            return self._broken(job, "the worker host was stopped")
        if outcome is not None:
            return outcome
        if reporter.cancel.is_set():
            return self._made(job, AttemptState.CANCELLED, None, None)
        if datetime.now(UTC) >= job.deadline:
            message = f"the run reached its time limit of {job.timeout_s:g} s"
            return self._made(job, AttemptState.TIMED_OUT, FailureClass.TIMEOUT, message)
        return self._broken(job, _how_died(returncode, read_report(job.journal)))

    def _broken(self, job: Job, message: str) -> Outcome:
        return self._made(job, AttemptState.FAILED, FailureClass.INFRASTRUCTURE, message)

    def _made(
        self, job: Job, state: AttemptState, failure: FailureClass | None, message: str | None
    ) -> Outcome:
        """Return an outcome that the runner did not write itself."""
        report = read_report(job.journal)
        error = CellError(ename=str(failure), evalue="", message=message) if message else None
        return Outcome(
            fencing=self._assignment.fencing,
            state=state,
            failure_class=failure,
            error=error,
            tasks=tuple(_ended(task, state) for task in report.tasks) if report else (),
            duration_s=max(0.0, (datetime.now(UTC) - self._started_at).total_seconds()),
            peak_memory=max((task.peak_memory or 0 for task in report.tasks), default=0)
            if report
            else 0,
        )

    def _note(self, sentence: str) -> None:
        """Add a line to the log of the attempt, which its runner has open as well."""
        journal = self._folder / "journal"
        if journal.exists():
            note(journal, sentence)

    def _sweep(self) -> None:
        """Kill what the attempt left behind."""
        attempt = str(self._assignment.attempt)
        Zygotes(self._config.zygotes).end(attempt)
        kill_all(marked(TAG, attempt))


def _how_died(returncode: int, report: Report | None) -> str:
    """Return in words how a runner ended that wrote no outcome, and what ran at that moment."""
    how = f"was killed by signal {-returncode}" if returncode < 0 else f"ended with {returncode}"
    during = running(report.tasks) if report else ""
    return f"the runner process died: it {how} " + (
        f"during {during}" if during else "while no task was running"
    )


def _ended(task: TaskReport, state: AttemptState) -> TaskReport:
    if task.state is TaskState.WAITING:
        return task.model_copy(update={"state": TaskState.SKIPPED})
    if task.state is not TaskState.RUNNING:
        return task
    ended = TaskState.CANCELLED if state is AttemptState.CANCELLED else TaskState.FAILED
    return task.model_copy(update={"state": ended, "ended_at": datetime.now(UTC)})
