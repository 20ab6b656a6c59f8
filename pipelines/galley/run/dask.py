"""Tasks on the tenant's Dask cluster.

The cluster may start a task again when it loses a worker; the task then makes a fresh MLflow run
and works in a folder of its own, so that an earlier try which comes back late changes nothing.
A task whose runner went away, or that was cancelled, sees it in its worker's own state and ends
its kernel: no message has to reach it.

Each worker has one thread, which a notebook holds while it runs. The Dask work that notebooks
submit themselves goes elsewhere (:mod:`galley.run.scaling`): nothing here executes their code.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dask.config
from distributed import Client, get_worker
from distributed.scheduler import KilledWorker
from distributed.security import Security

from galley.cluster.address import ClusterAddress
from galley.cluster.gpus import Gpus
from galley.cluster.options import POOL
from galley.cluster.resources import CPU, GPUS, MEMORY, Need, Part, Pool, Resources
from galley.run.events import EventSender
from galley.run.processes import hide_from_own_uid
from galley.run.staging import staged
from galley.run.tasks import Emit, TaskEvent, TaskResult, TaskSpec, seeing
from galley.run.worker import cancelled_result, lost, not_begun, refused, run_task

CONNECT_S = 20
WAIT_S = 0.1
KNOWN_S = 1.0
LEAVE_S = 20.0
SEND_S = 0.001
_RUNNING: set[str] = set()
logger = logging.getLogger(__name__)
# It tells with a traceback of a message that was on its way when its connection was closed.
logging.getLogger("distributed.batched").setLevel(logging.WARNING)


def execute_here(spec: TaskSpec) -> TaskResult:
    """Execute a task in this Dask worker, telling its events through the scheduler."""
    worker = get_worker()
    cancelled = cancelled_on(worker, spec.key)

    emit = EventSender(
        worker.loop, lambda events: worker.log_event(topic(spec.attempt), {"events": events})
    ).take
    _RUNNING.add(spec.key)
    try:
        try:
            part = _take_part(spec, cancelled)
            if part is None:
                return not_begun(spec, cancelled=cancelled())
            with closing(part), staged(seeing(spec, part.given.gpus)) as own:
                result = run_task(own, emit, cancelled)
        except Exception as error:
            # It would travel as pickle, and where that fails, as after a deep recursion, Dask's
            # client never learns that the task has ended.
            logger.exception("task %r", spec.name)
            result = lost(spec, error, f"task {spec.name!r} could not be executed: {error!r}")
        emit(TaskEvent(task=spec.name, kind="ended", at=result.ended_at, result=result))
        return result
    finally:
        _RUNNING.discard(spec.key)


def _take_part(spec: TaskSpec, cancelled: Callable[[], bool]) -> Part | None:
    """Wait for the task's part of what all share; None when it is not to begin any more."""
    setting = dask.config.get(POOL)
    machine = Gpus(Path(setting["gpus"]) if setting["gpus"] else None)
    pool = Pool(Path(setting["folder"]), Resources.model_validate(setting["total"]), machine)
    pause = threading.Event()
    while (part := pool.take(need_of(spec))) is None:
        if cancelled() or datetime.now(UTC) >= spec.deadline:
            return None
        pause.wait(WAIT_S)
    return part


def need_of(spec: TaskSpec) -> Need:
    """Return what a task takes of its cluster."""
    return Need(cpu=spec.cpu or 1, memory=spec.memory, gpus=spec.gpus)


def dask_setup(worker: Any) -> None:  # noqa: ARG001  Dask calls it when a worker loads this module
    """Keep the worker's memory and environment from the notebooks, which have the same uid."""
    hide_from_own_uid()


def topic(attempt: str) -> str:
    """Return the name under which an attempt's events travel."""
    return f"galley-{attempt}"


def cancelled_on(worker: Any, key: str) -> Callable[[], bool]:
    """Return a function that tells whether nobody wants the task any more."""

    def cancelled() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state in {"cancelled", "released", "forgotten"}

    return cancelled


def _running(prefix: str) -> bool:
    return any(key.startswith(prefix) for key in list(_RUNNING))


class DaskCompute:
    """Executes tasks on a cluster.

    Raises:
        OSError: the cluster cannot be reached.
    """

    def __init__(self, attempt: str, cluster: ClusterAddress, emit: Emit) -> None:
        self._attempt = attempt
        self._emit = emit
        self._futures: dict[str, Any] = {}
        self._promises: dict[str, Future[TaskResult]] = {}
        self._known: list[dict[str, float]] = []
        self._ask_at = 0.0
        self._cancelled = threading.Event()
        self._client = Client(
            cluster.address,
            security=Security(
                tls_ca_file=str(cluster.ca),
                tls_client_cert=str(cluster.cert),
                tls_client_key=str(cluster.key),
                require_encryption=True,
            ),
            set_as_default=False,
            timeout=CONNECT_S,
            name=f"galley-{attempt}",
        )
        if (stream := self._client.scheduler_comm) is not None:
            stream.interval = SEND_S  # not 10 ms: each task is waited for
        self._client.subscribe_topic(topic(attempt), self._on_message)

    @property
    def slots(self) -> int:
        """How many notebooks the cluster executes at the same time; 1 while it is away."""
        return max(1, len(self._offers())) if self._client.status == "running" else 1

    def _offers(self) -> list[dict[str, float]]:
        """Return what each worker offers; asked again after a moment."""
        if time.monotonic() >= self._ask_at:
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
            self._known = [one.get("resources", {}) for one in workers]
            self._ask_at = time.monotonic() + KNOWN_S
        return self._known

    def submit(self, spec: TaskSpec) -> Future[TaskResult]:
        """Send a task to the cluster."""
        promise: Future[TaskResult] = Future()
        if self._client.status != "running":
            gone = ConnectionError("not connected")
            promise.set_result(lost(spec, gone, f"there is no Dask cluster for task {spec.name!r}"))
            return promise
        if (why := self._never(spec)) is not None:
            promise.set_result(refused(spec, why))
            return promise
        wanted = need_of(spec).dask()
        self._promises[spec.name] = promise
        remote = self._client.submit(execute_here, spec, key=spec.key, pure=False, resources=wanted)
        self._futures[spec.name] = remote
        if self._cancelled.is_set():  # meanwhile: it was none of those that were withdrawn
            self.cancel()
        remote.add_done_callback(lambda ended: self._settle(promise, spec, ended))
        return promise

    def _never(self, spec: TaskSpec) -> str | None:
        """Return in words why no worker could ever execute the task; None where one could."""
        offers = self._offers()
        if not offers:
            return None
        total = Resources(
            cpu=max(one.get(CPU, 0) for one in offers),
            memory=int(max(one.get(MEMORY, 0) for one in offers)),
            gpus=tuple(range(int(max(one.get(GPUS, 0) for one in offers)))),
        )
        return need_of(spec).missing(total)

    def cancel(self) -> None:
        """Tell the cluster that nobody wants the tasks any more."""
        self._cancelled.set()
        threading.Thread(target=self._withdraw, name="cancel", daemon=True).start()

    def close(self) -> None:
        """Wait until the workers have ended our tasks, then disconnect.

        A lost cluster is left alone: Dask would wait 20 s for it to come back.
        """
        if self._client.status != "running":
            return
        try:
            self._withdraw()
            self._wait_until_idle()
        except (OSError, TimeoutError, RuntimeError, ValueError):
            # The cluster went away in this moment, and its tasks with it.
            return
        self._client.close(timeout=2)

    def _withdraw(self) -> None:
        self._client.cancel(list(self._futures.values()), force=True)

    def _wait_until_idle(self) -> None:
        waiting = threading.Event()
        for _ in range(int(LEAVE_S / 0.2)):
            answers = self._client.run(_running, f"galley-{self._attempt}-", on_error="ignore")
            if not any(answers.values()):
                return
            waiting.wait(0.2)

    def _on_message(self, message: tuple[float, dict[str, list[str]]]) -> None:
        for said in message[1]["events"]:
            self._on_event(TaskEvent.model_validate_json(said))

    def _on_event(self, told: TaskEvent) -> None:
        """Take an event; the last one has the result, which to fetch takes three more messages."""
        promise = self._promises.get(told.task)
        if promise is not None and promise.done() and not self._cancelled.is_set():
            return  # from a try that Dask began although the task had ended
        if told.result is None:
            self._emit(told)
        elif promise is not None:
            _keep(promise, told.result)
            self._let_go(told.task)

    def _let_go(self, task: str) -> None:
        """Have the cluster forget a task that has ended.

        What it remembers it would execute again when the worker that holds the result is lost: the
        notebook would have its effects twice.
        """
        if (remote := self._futures.pop(task, None)) is not None:
            remote.release()

    def _settle(self, promise: Future[TaskResult], spec: TaskSpec, ended: Any) -> None:
        """Turn the end of a Dask future into a result."""
        name = spec.name
        self._futures.pop(name, None)
        if promise.done():
            return
        try:
            result = ended.result()
        except KilledWorker as error:
            result = lost(spec, error, f"the Dask workers that executed task {name!r} died")
        except (CancelledError, OSError, TimeoutError, RuntimeError) as error:
            result = (
                cancelled_result(spec)
                if self._cancelled.is_set()
                else lost(spec, error, f"the Dask cluster went away during task {name!r}")
            )
        except Exception as error:  # whatever it is, somebody waits for the result
            result = lost(spec, error, f"task {name!r} could not be executed: {error!r}")
        _keep(promise, result)


def _keep(promise: Future[TaskResult], result: TaskResult) -> None:
    """Keep the promise, unless that was done: how a task ended is told twice."""
    with contextlib.suppress(InvalidStateError):
        promise.set_result(result)
