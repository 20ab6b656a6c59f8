"""One rehearsal: the clean run that reviewers see, then the proof of its split."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from galley.cluster.gpus import Gpus
from galley.domain.proof import Proof, ProofState
from galley.domain.runs import AttemptState
from galley.domain.split import PlannedTask, Snapshot, SplitPlan, SplitSource
from galley.domain.work import Outcome, RehearsalReport, RehearsalWork
from galley.errors import PublicError
from galley.locking import Stopped
from galley.notebook.parameter_cell import RESERVED
from galley.project.manifest import used_paths
from galley.proof.files import Marks, marks, written
from galley.proof.leftovers import Leftovers
from galley.proof.observe import plain_probe
from galley.proof.place import Place
from galley.proof.prove import ProofWork, prove
from galley.proof.seen import PlainRun, read_plain
from galley.run.compute import InlineCompute
from galley.run.execute import JobRunner
from galley.run.job import Job
from galley.run.journal import Journal
from galley.run.locked import PREPARING, Locked, TookTooLong, not_prepared, prepare
from galley.run.runner import Runner
from galley.run.scratch import ScratchGuard
from galley.run.tasks import TaskEvent, TaskResult, TaskSpec
from galley.run.walls import own_folders


class Rehearsal:
    """Runs one job. :meth:`cancel` may be called from a signal handler at any time.

    Args:
        job: of a rehearsal; its project has one task.
        environment: of this process.
    """

    def __init__(self, job: Job, journal: Journal, environment: Mapping[str, str]) -> None:
        assert job.rehearsal is not None
        self.job = job
        self.work: RehearsalWork = job.rehearsal
        self.journal = journal
        self._environment = environment
        self._cancelled = threading.Event()
        self._full = threading.Event()
        self._runner: Runner | None = None
        self._compute: InlineCompute | None = None

    def cancel(self) -> None:
        """End the rehearsal: no cell is started any more, a running one is interrupted."""
        self._cancelled.set()
        if self._runner is not None:
            self._runner.cancel()
        if self._compute is not None:
            self._compute.cancel()

    def close(self) -> None:
        """Leave nothing of it."""
        if self._runner is not None:
            self._runner.close()

    def run(self) -> Outcome:
        """Make the environment, run the notebook, prove its split."""
        started = time.monotonic()
        self._enter(PREPARING)
        try:
            locked = prepare(
                self.job,
                self._environment,
                say=self.journal.write,
                cancelled=self._cancelled.is_set,
            )
        except (PublicError, Stopped, TookTooLong) as error:
            return Runner(self.job, self.journal, self._environment, Locked()).ended(
                *not_prepared(error)
            )
        with contextlib.closing(locked):
            took = time.monotonic() - started
            self.job = self.job.model_copy(update={"preparing_s": took})
            return self._run(locked)

    def _run(self, locked: Locked) -> Outcome:
        probe = self.job.folder / "probe"
        leftovers = self._leftovers()
        # As it was published: a notebook may write to its own project.
        work = self._proof_work(leftovers)
        plan = self._plan(work)
        runner = Runner(
            self.job,
            self.journal,
            self._environment,
            locked,
            watch=lambda notebook: plain_probe(notebook, plan, probe),
        )
        self._runner = runner
        began, clock, before = datetime.now(UTC), time.monotonic(), marks(self.job.project)
        if self._cancelled.is_set():
            runner.cancel()
        outcome = runner.run()
        if outcome.state is not AttemptState.SUCCEEDED:
            return outcome
        took = time.monotonic() - clock
        first = self._first(probe, before, began, took, runner.results)
        proof = self._prove(runner, work, first)
        if self._cancelled.is_set():
            return outcome.model_copy(update={"state": AttemptState.CANCELLED})
        report = RehearsalReport(proof=proof, snapshot=_authors(first.last))
        return outcome.model_copy(update={"rehearsal": report})

    def _leftovers(self) -> Leftovers:
        """Return what tells of what is left where the tasks look, with walls and without."""
        home = Path(self._environment.get("HOME", os.devnull))
        own = own_folders(self.job)
        homes = {home, own.get(home, home)}
        # A run of the proof finds nothing that an earlier one left on the Dask cluster, either.
        return Leftovers([*self.job.own_scratch, *own.values()], homes, self.close)

    def _plan(self, work: ProofWork) -> SplitPlan:
        """Return what the first run is watched for: the proposed split, or the one task."""
        if self.work.analysis.split is not None:
            return self.work.analysis.split
        whole = PlannedTask(name="all", cells=tuple(cell.index for cell in work.cells))
        return SplitPlan(source=SplitSource.NONE, tasks=(whole,))

    def _notebook(self) -> Path:
        return self.job.project / "tasks" / f"{self.work.analysis.tasks[0].name}.ipynb"

    def _first(
        self,
        probe: Path,
        before: Marks,
        began: datetime,
        duration_s: float,
        results: Sequence[TaskResult],
    ) -> PlainRun:
        executed = self.job.notebooks / self._notebook().name
        files = written(self.job.project, before)
        return read_plain(
            executed, probe, files, began=began, duration_s=duration_s, results=results
        )

    def _prove(self, runner: Runner, work: ProofWork, first: PlainRun) -> Proof:
        compute = self._compute = InlineCompute(self._tell, Gpus(self.job.machine_gpus))
        scratch = ScratchGuard(
            self.job.folder,
            self.job.scratch_limit,
            lambda _: self._fill("scratch is full"),
            lambda error: self._fill(f"scratch cannot be measured ({error})"),
            own_folders(self.job),
        )
        scratch.start()
        deadline = datetime.now(UTC) + timedelta(seconds=self.work.budget_s)
        place = Place(
            compute,
            lambda task: _proving(runner.spec(task), deadline, self.work.budget_s),
            lambda: (
                self._cancelled.is_set() or self._full.is_set() or datetime.now(UTC) >= deadline
            ),
        )
        try:
            return prove(work, first, place, say=self.journal.write, progress=self._enter)
        except Exception as error:  # the run was good; what is missing is only the proof
            self.journal.write(traceback.format_exc())
            return Proof(
                state=ProofState.UNEQUAL,
                reason=f"the proof itself failed ({type(error).__name__}: {error}); its log says "
                "more",
            )
        finally:
            compute.close()
            scratch.close()
            shutil.rmtree(self.job.folder / "proof", ignore_errors=True)
            self._enter(None)

    def _fill(self, why: str) -> None:
        self._full.set()
        self.journal.write(f"proof: {why}; the proof ends")
        if self._compute is not None:
            self._compute.cancel()

    def _proof_work(self, leftovers: Leftovers) -> ProofWork:
        analysis = self.work.analysis
        return ProofWork(
            notebook=json.loads(self._notebook().read_bytes()),
            modules=self._carried(),
            analysis=analysis,
            parameters=self.job.parameters,
            slug=self.job.pipeline,
            tenant=self.job.tenant,
            home=self.job.project,
            folder=self.job.folder / "proof",
            layout=self.work.layout,
            budget_s=self.work.budget_s,
            leftovers=leftovers,
        )

    def _carried(self) -> dict[str, str]:
        """Return path → source of what the notebook imports and runs, as it was published."""
        project = self.job.project
        files = (path for path in sorted(project.rglob("*")) if path.is_file())
        paths = [path.relative_to(project).as_posix() for path in files]
        used = used_paths(paths, self.work.analysis)
        return {path: (project / path).read_text(encoding="utf-8") for path in used}

    def _enter(self, phase: str | None) -> None:
        self.journal.report(self.journal.reported.model_copy(update={"phase": phase}))

    def _tell(self, event: TaskEvent) -> None:
        """Say which task of the split begins; what cells print was in the log once."""
        if event.kind == "started":
            self.journal.write("started", task=event.task)


def _authors(snapshot: Snapshot | None) -> Snapshot | None:
    """Return a snapshot without the names that Ploomber puts into every notebook."""
    if snapshot is None:
        return None
    names = {name: fact for name, fact in snapshot.names.items() if name not in RESERVED}
    return snapshot.model_copy(update={"names": names})


def _proving(spec: TaskSpec, deadline: datetime, budget_s: float) -> TaskSpec:
    """Return a task as the proof runs it: with the proof's deadline, told apart in MLflow."""
    tracking = spec.tracking
    if tracking is not None:
        tags = {**tracking.tags, "galley.kind": "proof"}
        tracking = tracking.model_copy(update={"tags": tags})
    return spec.model_copy(
        update={"deadline": deadline, "timeout_s": budget_s, "tracking": tracking}
    )


def attempt_of(job: Job, journal: Journal, environment: Mapping[str, str]) -> JobRunner:
    """Return what runs a job of a rehearsal's host; a job without more to do is just run."""
    if job.rehearsal is None:
        return Runner(job, journal, environment)
    return Rehearsal(job, journal, environment)
