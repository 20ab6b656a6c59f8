"""The tasks of one attempt, from its project to its outcome."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from ploomber.exceptions import DAGBuildError

from galley.cluster.address import ClusterAddress
from galley.cluster.gpus import Gpus
from galley.domain.runs import AttemptState, FailureClass, RunKind, TaskState
from galley.domain.usage import Used
from galley.domain.versions import CellError
from galley.domain.work import Outcome
from galley.errors import PublicError
from galley.locking import Stopped
from galley.run import scaling
from galley.run.compute import Compute, InlineCompute
from galley.run.dag import (
    BrokenProject,
    all_products_of,
    build_all,
    cells_of,
    load_dag,
    products_of,
    upstream_of,
)
from galley.run.environment import has_dask, kernel_environment
from galley.run.executor import DaskExecutor
from galley.run.failures import bounded, infrastructure
from galley.run.incremental import Executed, Incremental
from galley.run.job import Job
from galley.run.journal import Journal, Report
from galley.run.kept import Kept, Verdict
from galley.run.locked import PREPARING, Locked, TookTooLong, not_prepared, prepare
from galley.run.needs import AsksTooMuch, Share, share
from galley.run.progress import Progress, running
from galley.run.redaction import Redactor
from galley.run.scaling import NotebookCluster, size_of
from galley.run.scratch import ScratchGuard, full, unwatched
from galley.run.staging import show
from galley.run.tasks import TaskEvent, TaskResult, TaskSpec
from galley.run.tracked import Tracked, merged_metrics
from galley.run.walls import Walls, own_folders, walls_of
from galley.run.written import Written
from galley.run.zygotes import Zygotes


class Runner:
    """Runs one job. :meth:`cancel` may be called from a signal handler at any time.

    Args:
        environment: of this process, and what its host gave it; a few variables of it reach the
            kernels.
        locked: what the kernels run in, where that is made already; whoever made it closes it.
            None: the first step makes it.
        watch: rendered notebook → what to add to its kernel's environment, so that it is watched.

    Raises:
        OSError: there is no room for the job's own folders.
    """

    def __init__(
        self,
        job: Job,
        journal: Journal,
        environment: Mapping[str, str],
        locked: Locked | None = None,
        watch: Callable[[str], Mapping[str, str]] = lambda _: {},
    ) -> None:
        self.job = job
        self.journal = journal
        self._inherited = environment
        self._locked = locked
        self._watch = watch
        self._tracked = Tracked(job, self._say)
        self._cancelled = threading.Event()
        self._ended_early: Verdict | None = None
        self._compute: Compute | None = None
        self._progress: Progress | None = None
        self._results: list[TaskResult] = []
        self._scaling: NotebookCluster | None = None
        self._unscaled = False
        for folder in own_folders(job).values():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def cancel(self) -> None:
        """End the attempt: no task is started any more, running ones are interrupted."""
        self._cancelled.set()
        if self._compute is not None:
            self._compute.cancel()

    def close(self) -> None:
        """End what its notebooks may have used until now; no task may run any more."""
        if self._scaling is not None:
            self._scaling.close()
            self._scaling = None

    @property
    def results(self) -> Sequence[TaskResult]:
        """How its tasks have ended so far."""
        return self._results

    def run(self) -> Outcome:
        """Execute the job and return how it ended; never raises for what the job does."""
        self._say(
            f"attempt {self.job.number} of run {self.job.run}: {self.job.pipeline} "
            f"v{self.job.version}, {self.job.kind}, profile {self.job.profile_name}"
        )
        with self._placing() as placed:
            return self._prepared(placed) if self._locked is None else self._run(placed)

    @contextlib.contextmanager
    def _placing(self) -> Iterator[Future[Compute]]:
        """Connect to where tasks are executed, while the environment and the project are read."""
        with ThreadPoolExecutor(1, thread_name_prefix="place") as pool:
            placed = pool.submit(self._place)
            try:
                yield placed
            finally:
                if placed.exception() is None:
                    placed.result().close()

    def _prepared(self, placed: Future[Compute]) -> Outcome:
        """Make the environment first."""
        started = time.monotonic()
        self.journal.report(Report(phase=PREPARING))
        try:
            self._locked = prepare(
                self.job, self._inherited, say=self._say, cancelled=self._cancelled.is_set
            )
        except (PublicError, Stopped, TookTooLong) as error:
            return self.ended(*not_prepared(error))
        with contextlib.closing(self._locked):
            took = time.monotonic() - started
            self.job = self.job.model_copy(update={"preparing_s": took})
            return self._run(placed)

    def _run(self, placed: Future[Compute]) -> Outcome:
        try:
            dag = load_dag(self.job.project, self.job.parameters)
            tasks = {str(name): dag[name] for name in dag}
            for task in tasks.values():
                self._share(task)
        except (BrokenProject, AsksTooMuch) as error:
            return self.ended(AttemptState.FAILED, FailureClass.USER, _error(error))
        self._progress = progress = Progress(
            self.journal,
            {name: upstream_of(task) for name, task in tasks.items()},
            {name: cells_of(task) for name, task in tasks.items()},
        )
        progress.tracked(self._tracked.begin())
        outcome = self._execute(dag, progress, placed)
        self._tracked.end(outcome)
        return outcome

    def _execute(self, dag: Any, progress: Progress, placed: Future[Compute]) -> Outcome:
        try:
            compute = placed.result()
        except OSError as error:
            progress.close(cancelled=False)
            return self.ended(
                AttemptState.FAILED,
                FailureClass.INFRASTRUCTURE,
                infrastructure(None, error, f"the Dask cluster cannot be reached: {error}"),
                progress,
            )
        self._compute = compute
        scratch = ScratchGuard(
            self.job.folder,
            self.job.scratch_limit,
            self._on_full,
            self._on_unwatched,
            own_folders(self.job),
        )
        scratch.start()

        def on_result(result: TaskResult) -> None:
            result = result.model_copy(update={"error": bounded(result.error)})
            self._results.append(result)
            progress.on_result(result)

        kept, written = self._kept(dag), self._written(dag)
        dag.executor = DaskExecutor(compute, self._watched, on_result, self._stopping, kept)
        self.job.notebooks.mkdir(parents=True, exist_ok=True)
        failure: DAGBuildError | None = None
        try:
            build_all(dag)
        except DAGBuildError as error:
            failure = error
        finally:
            compute.close()
            self.close()
            scratch.close()
        if self.job.kind is not RunKind.REHEARSAL:
            self._keep(written)
        progress.close(cancelled=self._cancelled.is_set())
        verdict = self._judge(failure)
        return self.ended(*(kept.end(verdict) if kept else verdict), progress)

    def _kept(self, dag: Any) -> Kept | Incremental | None:
        """Return where tasks are taken over from; None: all are executed."""
        job, lock = self.job, self._locked.lock if self._locked else None
        products = {str(name): frozenset(all_products_of(dag[name], job.project)) for name in dag}
        upstream = {str(name): upstream_of(dag[name]) for name in dag}
        if job.results is not None and lock is not None:
            executing = Executed(job.run, job.number)
            return Incremental(
                job.results,
                job.pipeline,
                executing,
                job.project,
                lock,
                job.environment,
                products,
                upstream,
                self._say,
            )
        if job.results is not None:
            self._say("all tasks are executed: without a lock nobody knows what they run in")
        if job.kept is None or len(dag) < 2:
            return None
        return Kept(job.kept, job.number, job.project, products, upstream, self._say)

    def _written(self, dag: Any) -> Written:
        products = (all_products_of(dag[name], self.job.project) for name in dag)
        return Written(
            self.job.project,
            frozenset(path for made in products for path in made),
            self.job.secrets.values.values(),
            self._say,
        )

    def _keep(self, written: Written) -> None:
        try:
            written.keep(self.job.outputs)
        except Exception as error:  # how the run ended is known, and is not lost for this
            self._say(f"what the run wrote beside its products is not kept: {error!r}")

    def _on_event(self, event: TaskEvent) -> None:
        notebook = self.job.notebooks / f"{event.task}.ipynb"
        if (
            self._progress is not None
            and self._progress.on_event(event)
            and event.kind == "started"
            and event.output != notebook
        ):
            show(notebook, event.output or notebook)

    def _place(self) -> Compute:
        if self.job.cluster is None:
            return InlineCompute(self._on_event, Gpus(self.job.machine_gpus))
        from galley.run.dask import DaskCompute  # distributed takes 0.3 s to import

        return DaskCompute(str(self.job.attempt), self.job.cluster, self._on_event)

    def _stopping(self) -> bool:
        return (
            self._cancelled.is_set()
            or self._ended_early is not None
            or datetime.now(UTC) >= self.job.deadline
        )

    def _on_full(self, used: int) -> None:
        during = running(self._progress.tasks) if self._progress else ""
        error = full(used, self.job.scratch_limit, self.job.profile_name, during)
        self._end_early(Verdict(AttemptState.FAILED, FailureClass.USER, error))

    def _on_unwatched(self, error: Exception) -> None:
        failure = FailureClass.INFRASTRUCTURE
        self._end_early(Verdict(AttemptState.FAILED, failure, unwatched(error)))

    def _end_early(self, verdict: Verdict) -> None:
        self._ended_early = verdict
        if self._compute is not None:
            self._compute.cancel()

    def _watched(self, task: Any) -> TaskSpec:
        spec = self.spec(task)
        watch = self._watch(spec.notebook)
        return spec.model_copy(update={"environment": {**spec.environment, **watch}})

    def spec(self, task: Any) -> TaskSpec:
        """Return what is sent out for one of Ploomber's rendered tasks."""
        taken = self._share(task)
        cluster = self._scales_on()
        return TaskSpec(
            attempt=str(self.job.attempt),
            name=str(task.name),
            notebook=task.source.nb_str_rendered,
            output=self.job.notebooks / f"{task.name}.ipynb",
            cwd=self.job.project,
            environment=kernel_environment(
                self.job, self._inherited, self._locked, taken.cpu, cluster
            ),
            python=self._locked.python if self._locked else None,
            zygotes=self.job.zygotes,
            walls=self._walls(cluster),
            kept=self.job.outputs,
            products=products_of(task, self.job.project),
            tries=None if self.job.cluster is None else self.job.folder / "tries",
            memory=taken.memory,
            memory_tag=taken.tag,
            cpu=taken.cpu,
            gpus=taken.gpus,
            profile=self.job.profile_name,
            next_profile=self.job.next_profile,
            cell_timeout_s=self.job.cell_timeout_s,
            max_output=self.job.max_output,
            max_cell=self.job.max_cell,
            deadline=self.job.deadline,
            timeout_s=self.job.timeout_s,
            grace_s=self.job.grace_s,
            tracking=self._tracked.of_tasks(),
            secrets=self.job.secrets,
        )

    def _scales_on(self) -> ClusterAddress | None:
        """Return the cluster that its notebooks may use, which is not there until one does."""
        wanted = self.job.dask_workers and has_dask(self._locked)
        if self._scaling is None and wanted and not self._unscaled:
            try:
                self._scaling = self._scale()
            except OSError as error:
                self._unscaled = True
                self._say(f"dask: no cluster for this run's notebooks: {error}")
        return self._scaling.address if self._scaling else None

    def _scale(self) -> NotebookCluster | None:
        """Make the cluster; None: there is nothing to fork it from."""
        job = self.job
        if job.zygotes is None:
            return None
        made = NotebookCluster(
            job.folder,
            name=job.tenant,
            size=size_of(job.dask_workers, job.profile.memory),
            zygotes=Zygotes(job.zygotes),
            say=self._say,
            used=self._scaling_used,
        )
        given = kernel_environment(job, self._inherited, self._locked, 1, made.address)
        made.open(
            python=self._locked.python if self._locked else None,
            environment={**given, "CUDA_VISIBLE_DEVICES": "", **job.secrets.environment},
            cwd=job.project,
            walls=self._walls(made.address),
            redactor=Redactor(job.secrets.values),
        )
        return made

    def _scaling_used(self, memory: int, cpu_s: float) -> None:
        now = datetime.now(UTC)
        self.journal.used(Used(task=scaling.NAME, at=now, memory=memory, cpu_s=round(cpu_s, 2)))

    def _walls(self, cluster: ClusterAddress | None) -> Walls | None:
        return walls_of(self.job, cluster, self._inherited.get("GALLEY_DATASETS"))

    def _share(self, task: Any) -> Share:
        cells = task.source.nb_obj_rendered.cells
        return share(str(task.name), cells, self.job.profile, self.job.profile_name)

    def _judge(self, failure: DAGBuildError | None) -> Verdict:
        """Decide what the attempt was, from its tasks and from what was asked of it."""
        if self._ended_early is not None:
            return self._ended_early
        if self._cancelled.is_set():
            return Verdict(AttemptState.CANCELLED)
        failed = [result for result in self._results if result.state is not TaskState.SUCCEEDED]
        if failed:
            first = failed[0]
            late = first.failure_class is FailureClass.TIMEOUT
            state = AttemptState.TIMED_OUT if late else AttemptState.FAILED
            return Verdict(state, first.failure_class, first.error)
        if failure is not None and datetime.now(UTC) >= self.job.deadline:
            error = _late(self.job.timeout_s)
            return Verdict(AttemptState.TIMED_OUT, FailureClass.TIMEOUT, error)
        if failure is not None:
            return Verdict(AttemptState.FAILED, FailureClass.USER, _error(failure))
        return Verdict(AttemptState.SUCCEEDED)

    def ended(
        self,
        state: AttemptState,
        failure_class: FailureClass | None,
        error: CellError | None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Return the outcome of an attempt that ended so, which its report shows by then."""
        error = bounded(error)
        self.journal.settle()
        sentence = f": {error.message}" if error else ""
        self._say(f"{state}{sentence}")
        rehearsed = self.job.kind is RunKind.REHEARSAL
        elapsed = datetime.now(UTC) - self.job.started_at
        tasks = progress.tasks if progress else ()
        return Outcome(
            fencing=0,
            state=state,
            failure_class=failure_class,
            error=error,
            tasks=tasks,
            metrics=merged_metrics(self._results, [task.name for task in tasks]),
            duration_s=max(0.0, elapsed.total_seconds() - self.job.preparing_s),
            peak_memory=max((result.peak_memory for result in self._results), default=0),
            cells=sum(result.cell for result in self._results),
            lock=self._locked.text if self._locked and rehearsed else None,
        )

    def _say(self, line: str) -> None:
        self.journal.write(line)


def _error(error: Exception) -> CellError:
    return CellError(ename=type(error).__name__, evalue=str(error), message=str(error))


def _late(timeout_s: float) -> CellError:
    return CellError(
        ename="TimeoutError",
        evalue=f"{timeout_s:g} s",
        message=f"the run reached its time limit of {timeout_s:g} s between two tasks",
    )
