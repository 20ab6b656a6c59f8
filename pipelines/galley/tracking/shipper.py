"""Sends an attempt's outbox to MLflow; everything it does may be done again.

A run is made once: that one is asked for is written down first, and a run that may exist is looked
for by its tag before a second try; should a lost request have made one all the same, it is removed
when the attempt has ended. A log's position is written down after its records have arrived; records
that are sent twice change nothing, because MLflow keeps one point per metric, value, time and step.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from galley.inside.outbox import runs, spool
from galley.inside.outbox.within import Refused
from galley.tracking import files
from galley.tracking.batches import batches, halves
from galley.tracking.client import (
    TrackedRun,
    TrackingClient,
    TrackingRefused,
    TrackingUnavailable,
)

logger = logging.getLogger(__name__)

TASK = "galley.task"
KIND = "galley.kind"
PROOF = "proof"
"""Kind of the runs that only prove a split; nobody is shown them as tasks."""
LOCK_S = 35.0
SETTLE_S = 20.0
"""How long a request whose answer was lost may still take effect, seconds."""
_NO_ROOM = frozenset({413, 507})


class TooEarly(TrackingUnavailable):
    """A request of this attempt whose answer was lost may still take effect; MLflow is there.

    Attributes:
        left_s: for how long, seconds.
    """

    def __init__(self, left_s: float) -> None:
        super().__init__("a request whose answer was lost may still take effect")
        self.left_s = left_s


@dataclass
class _Gathered:
    """What is to be sent for one run."""

    metrics: list[dict[str, Any]] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    untag: set[str] = field(default_factory=set)
    datasets: list[Any] = field(default_factory=list)
    artifacts: list[tuple[str, str]] = field(default_factory=list)
    update: dict[str, Any] = field(default_factory=dict)


class Shipper:
    """Sends one attempt's outbox; used by one thread, while tasks go on writing.

    A log that is refused is told of and left out. Where the files are refused that tell what was
    sent, nothing can be sent any more.

    Args:
        folder: of the attempt's outbox.
        experiment: name of the attempt's experiment.
        say: takes a sentence about what MLflow refuses.
        clock: seconds since 1970.
        settle_s: how long a request whose answer was lost may still take effect.
    """

    def __init__(
        self,
        folder: Path,
        experiment: str,
        client: TrackingClient,
        say: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.time,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._folder = folder
        self._experiment = experiment
        self._client = client
        self._say = say
        self._clock = clock
        self._settle_s = settle_s
        self._state = spool.State(folder)
        self._begun: dict[str, runs.RunState] = {}
        self._refused: set[str] = set()

    def ship(self, *names: str) -> None:
        """Send what is new in the named logs, or in all.

        Raises:
            TrackingUnavailable: MLflow does not answer; nothing is lost, call again.
            Refused: something else is where the outbox keeps what was sent.
        """
        self._state.refresh()
        for name in names or spool.logs(self._folder):
            self._ship(name)

    def waiting(self, name: str) -> int:
        """Return how many bytes of a log were not sent yet; raises as :meth:`ship` does."""
        self._state.refresh()
        try:
            size = spool.size(self._folder / name / spool.LOG)
        except Refused as error:
            self._refuse(name, error)
            return 0
        return max(0, size - self._state.sent.get(name, 0))

    def known(self, run: str) -> str | None:
        """Return the server's id of a local run; None: it is not there yet."""
        with suppress(OSError):  # what was known before still holds, and an outcome waits for this
            self._state.refresh()
        known = self._state.runs.get(run)
        return known["id"] if known else None

    def settle(self) -> None:
        """Remove runs that a lost request made beside ours; for an attempt that has ended.

        Raises:
            TrackingUnavailable: MLflow does not answer.
            TooEarly: a request may still take effect.
        """
        for local, asked in self._state.begun.items():
            ours = self._state.runs.get(local)
            # MLflow's own client, which a notebook's call goes through, asks again unnoticed; what
            # it asked for before the answer came has had its effect by then.
            if ours is None or (len(asked) < 2 and ours["by"] != "notebook"):
                continue
            if len(asked) > 1:
                self._wait_for(asked)
            for one in self._client.find_all(ours["experiment"], {runs.KEY: local}):
                if one.id != ours["id"]:
                    self._client.post("runs/delete", {"run_id": one.id})

    def tasks(self) -> tuple[str | None, dict[str, str]]:
        """Return the server's id of the attempt's run, and that of each task's latest try."""
        own: str | None = None
        tries: dict[str, tuple[int, str]] = {}
        for name in spool.logs(self._folder):
            records, _, _ = self._read(name)
            first = next((one for one in records if one.get("op") == "create"), None)
            known = self.known(str(first.get("run"))) if first else None
            if first is None or known is None:
                continue
            if name == spool.RUN:
                own = known
            elif (task := first["tags"].get(TASK)) and first["tags"].get(KIND) != PROOF:
                tries[task] = max(tries.get(task, (0, "")), (int(first["start"]), known))
        return own, {task: known for task, (_, known) in tries.items()}

    def close(self) -> None:
        """Close the files."""
        self._state.close()

    def _ship(self, name: str) -> None:
        records, end, broken = self._read(name, self._state.sent.get(name, 0))
        if broken:
            self._say(f"{broken} unfinished record(s) of a killed process are left out")
        if not records:
            return
        gathered: dict[str, _Gathered] = {}
        for record in records:
            try:
                if record.get("op") == "create":
                    runs.apply(self._begun, [record])
                self._gather(name, gathered, record)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self._say(f"a record that makes no sense is left out ({type(error).__name__})")
        for local, news in gathered.items():
            try:
                self._send(name, local, news)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self._say(
                    f"something logged for run {local} makes no sense and is left out "
                    f"({type(error).__name__})"
                )
        self._state.add(know="sent", log=name, offset=end)

    def _read(self, name: str, offset: int = 0) -> tuple[list[spool.Record], int, int]:
        """Read a log; one that is refused has nothing, and that is told."""
        try:
            return spool.read(self._folder / name / spool.LOG, offset)
        except Refused as error:
            self._refuse(name, error)
            return [], offset, 0

    def _refuse(self, name: str, error: Refused) -> None:
        """Say once that a log is left out."""
        if name not in self._refused:
            self._refused.add(name)
            self._say(f"what is logged there is left out: {error}")

    def _gather(self, name: str, gathered: dict[str, _Gathered], record: Mapping[str, Any]) -> None:
        operation = record["op"]
        if operation == "closed":
            ending = {"status": str(record["status"]), "end_time": int(record["at"])}
            for local in self._to_end(name):
                gathered.setdefault(local, _Gathered()).update |= ending
            return
        news = gathered.setdefault(str(record["run"]), _Gathered())
        if operation == "batch":
            news.metrics.extend(record.get("metrics", ()))
            news.params.update(record.get("params", {}))
            news.tags.update(record.get("tags", {}))
            news.untag -= set(record.get("tags", {}))
        elif operation == "untag":
            news.tags.pop(record["key"], None)
            news.untag.add(str(record["key"]))
        elif operation == "inputs":
            news.datasets.extend(record["datasets"])
        elif operation == "artifact":
            news.artifacts.append((str(record["path"]), str(record["file"])))
        elif operation == "update":
            names = {"status": "status", "end": "end_time", "name": "run_name"}
            news.update |= {names[key]: record[key] for key in names if record.get(key) is not None}

    def _to_end(self, name: str) -> list[str]:
        """Return the runs that end with their log: those that nobody ended, and the log's own.

        MLflow ends the notebook's active run as finished when the interpreter exits, for whatever
        reason; how the task ended is not its to say.
        """
        records, _, _ = self._read(name)
        known: dict[str, runs.RunState] = {}
        runs.apply(known, records)
        own = next(iter(known), None)
        return [local for local, run in known.items() if local == own or not run.ended]

    def _send(self, name: str, local: str, news: _Gathered) -> None:
        run = self._ensure(local)
        if run is None:
            self._say(f"what was logged for run {local} is left out: MLflow does not have it")
            return
        params = {key: self._translated(value) for key, value in news.params.items()}
        tags = {key: self._translated(value) for key, value in news.tags.items()}
        for batch in batches(news.metrics, params, tags):
            self._batch(run.id, batch)
        for key in news.untag:
            self._untag(run.id, key)
        if news.datasets:
            body = {"run_id": run.id, "datasets": news.datasets}
            self._post("runs/log-inputs", body, "log the inputs")
        for path, file in news.artifacts:
            self._upload(name, run, path, file)
        if news.update:
            self._post("runs/update", {"run_id": run.id, **news.update}, "update the run")

    def _ensure(self, local: str) -> TrackedRun | None:
        """Return the run on the server, made if need be.

        None where nobody began it, or where MLflow refuses it for what it is.
        """
        self._state.refresh()
        if local not in self._state.runs:
            begun = self._begun.get(local) or runs.find(self._folder, local)
            if begun is None:
                return None
            parent = begun.tags.get(runs.PARENT, "")
            if parent != local and spool.LOCAL_RUN.fullmatch(parent):
                self._ensure(parent)
            try:
                with spool.creating(self._folder, LOCK_S):
                    self._create(begun)
            except TimeoutError as error:
                raise TrackingUnavailable(str(error)) from error
            except TrackingRefused as error:
                if not _final(error, begun.experiment):
                    raise
                self._say(f"MLflow refused the run {begun.name!r}: {error.reason}")
                return None
            self._begun.pop(local, None)
        known = self._state.runs[local]
        return TrackedRun(
            id=known["id"],
            experiment_id=known["experiment"],
            artifact_uri=known["artifacts"],
            status="RUNNING",
            metrics={},
        )

    def _create(self, run: runs.RunState) -> None:
        self._state.refresh()
        if run.id in self._state.runs:
            return
        experiment = self._experiment_id(run.experiment)
        asked = self._state.begun.get(run.id)
        made = None
        if asked:
            made = self._client.find(experiment, {runs.KEY: run.id})
            if made is None:
                self._wait_for(asked)
        if made is None:
            self._state.add(know="begun", run=run.id, at=int(self._clock() * 1000))
            try:
                made = self._client.create(
                    experiment,
                    name=run.name,
                    start_ms=run.start,
                    user=run.user,
                    tags={**self._known_tags(run), runs.KEY: run.id},
                )
            except TrackingUnavailable as error:
                if not error.reached or isinstance(error, TrackingRefused):
                    self._state.add(know="not begun", run=run.id)
                raise
        self._state.add(
            know="run",
            run=run.id,
            id=made.id,
            experiment=made.experiment_id,
            artifacts=made.artifact_uri,
            by="platform",
        )

    def _known_tags(self, run: runs.RunState) -> dict[str, str]:
        return {key: self._translated(value) for key, value in run.tags.items()}

    def _wait_for(self, asked: list[int]) -> None:
        """Raise TooEarly while a lost request may still take effect."""
        left_s = max(asked) / 1000 + self._settle_s - self._clock()
        if left_s > 0:
            raise TooEarly(left_s)

    def _experiment_id(self, wanted: str) -> str:
        if wanted != spool.EXPERIMENT:
            return wanted
        if self._experiment not in self._state.experiments:
            made = self._client.experiment(self._experiment)
            self._state.add(know="experiment", name=self._experiment, id=made)
        return self._state.experiments[self._experiment]

    def _translated(self, text: str) -> str:
        """Return ``text`` with the server's ids of the attempt's runs that are there."""

        def known(found: Any) -> str:
            run = self._state.runs.get(found[0])
            return run["id"] if run else str(found[0])

        return spool.LOCAL_RUN.sub(known, text)

    def _batch(self, run_id: str, batch: dict[str, list[Any]]) -> None:
        """Log a batch; where MLflow refuses it, all of it but what it refuses."""
        try:
            self._client.post("runs/log-batch", {"run_id": run_id, **batch})
        except TrackingRefused as error:
            if not _final(error, run_id):
                raise
            parts = halves(batch)
            if not parts:
                (what,) = (f"{kind} {items[0]['key']!r}" for kind, items in batch.items() if items)
                self._say(f"MLflow refused {what} of run {run_id}: {error.reason}")
            for part in parts:
                self._batch(run_id, part)

    def _post(self, route: str, body: dict[str, Any], what: str) -> None:
        try:
            self._client.post(route, body)
        except TrackingRefused as error:
            if not _final(error, body["run_id"]):
                raise
            self._say(f"MLflow refused to {what} of run {body['run_id']}: {error.reason}")

    def _untag(self, run_id: str, key: str) -> None:
        """Remove a tag; one that came and went between two batches is not there."""
        try:
            self._client.post("runs/delete-tag", {"run_id": run_id, "key": key})
        except TrackingRefused as error:
            if not _final(error, run_id):
                raise

    def _upload(self, name: str, run: TrackedRun, path: str, file: str) -> None:
        try:
            files.send(self._client, run, self._folder / name, file, path)
        except OSError as error:
            self._say(f"the artifact {path!r} is left out: {error}")
        except TrackingRefused as error:
            if not _final(error, run.id) and error.status not in _NO_ROOM:
                raise
            self._say(f"MLflow refused the artifact {path!r}: {error.reason}")


def close_open(
    folder: Path, status: str, at_ms: int, say: Callable[[str], None] = logger.warning
) -> None:
    """End the logs of an attempt whose writers are gone before they ended them themselves.

    Args:
        status: how the attempt ended. A task that did not say how it ended was killed.
        say: takes a sentence about a log that can never be ended.

    Raises:
        OutboxFull, OSError: one of them cannot be ended now; the others are.
    """
    failed: Exception | None = None
    for name in spool.logs(folder):
        try:
            _close(folder / name / spool.LOG, status if name == spool.RUN else "KILLED", at_ms)
        except (spool.LogFull, Refused) as error:
            say(f"the end of a run is not kept for MLflow: {error}")
        except (spool.OutboxFull, OSError) as error:
            failed = error
    if failed is not None:
        raise failed


def _close(path: Path, status: str, at_ms: int) -> None:
    records, _, _ = spool.read(path)
    if not any(one.get("op") == "closed" for one in records):
        log = spool.Log(path)
        try:
            log.append({"op": "closed", "status": status, "at": at_ms})
        finally:
            log.close()


def _final(error: TrackingRefused, what: str) -> bool:
    """Whether MLflow itself refuses what was sent; after another refusal it is sent again later.

    Args:
        what: id of the run or the experiment: an answer that something is not there is final
            where it names that; one about the tenant or its token is not.
    """
    missing = error.status == 404 and what in error.reason
    return missing or (error.code is not None and error.status in {400, 409})
