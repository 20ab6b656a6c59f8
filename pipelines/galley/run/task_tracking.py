"""What MLflow gets of a task, and what its notebook is told of MLflow.

A Python notebook logs to the attempt's outbox and nobody waits. Another language knows no outbox:
its task has its run on the server before it begins, and logs there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from galley.domain.documents import other_language
from galley.domain.runs import TaskState
from galley.inside.outbox.spool import OutboxFull
from galley.run.environment import direct_tracking, outbox_tracking
from galley.run.tasks import TaskSpec, TaskTracking
from galley.tracking.client import TrackingClient, TrackingUnavailable
from galley.tracking.outbox import Outbox, place_plugin, unlinked
from galley.tracking.parent import milliseconds
from galley.tracking.shipper import Shipper

_STATUS = {
    TaskState.SUCCEEDED: "FINISHED",
    TaskState.FAILED: "FAILED",
    TaskState.CANCELLED: "KILLED",
}
_LOST = (OutboxFull, OSError)


class TrackedTask:
    """The MLflow run of one try of a task.

    Args:
        say: takes a line for the task's log.

    Attributes:
        run: its local id, known before it is on the server; None: it is not tracked.
        environment: what to add to the environment of the notebook's kernel.
    """

    def __init__(self, spec: TaskSpec, say: Callable[[str], None], started_at: datetime) -> None:
        self.run: str | None = None
        self.environment: dict[str, str] = {}
        self._spec = spec
        self._say = say
        self._outbox: Outbox | None = None
        self._on_server: str | None = None
        if spec.tracking is not None:
            self._begin(spec.tracking, started_at)

    def end(self, state: TaskState) -> dict[str, float]:
        """End the run and return the latest value of each metric that the notebook logged."""
        if self._outbox is None:
            return {}
        try:
            if self._spec.output.exists():
                self._outbox.keep(f"{self._spec.name}.ipynb", self._spec.output)
        except _LOST as error:
            self._say(f"tracking: the notebook could not be kept for MLflow: {error}")
        try:
            self._outbox.end(_STATUS[state], at_ms=milliseconds(datetime.now(UTC)))
        except _LOST as error:
            self._say(f"tracking: how the task ended could not be kept for MLflow: {error}")
        return self._metrics()

    def _begin(self, tracking: TaskTracking, started_at: datetime) -> None:
        parent = {"mlflow.parentRunId": tracking.parent} if tracking.parent else {}
        try:
            unlinked(self._spec.output)
            plugin = place_plugin(tracking.outbox)
            self._outbox = Outbox.begin(
                tracking.outbox,
                None,
                name=self._spec.name,
                start_ms=milliseconds(started_at),
                tags={**tracking.tags, **parent, "galley.task": self._spec.name},
            )
        except _LOST as error:
            self._say(f"tracking: the task runs without MLflow: {error}")
            return
        self.run = self._outbox.run
        if other_language(json.loads(self._spec.notebook)) is None:
            path = self._spec.environment.get("PYTHONPATH", "")
            self.environment = outbox_tracking(tracking, self._outbox, plugin, path)
        else:
            self._go_direct(tracking, self._outbox.run)

    def _go_direct(self, tracking: TaskTracking, run: str) -> None:
        """Have the run on the server now: the notebook's language has no outbox."""
        self._say(
            "tracking: this notebook is not Python's: it logs to MLflow itself, and waits for it"
        )
        with TrackingClient(tracking.uri, tracking.token) as client:
            shipper = Shipper(tracking.outbox, tracking.experiment, client, self._tell)
            try:
                shipper.ship(run)
                self._on_server = shipper.known(run)
            except (TrackingUnavailable, *_LOST) as error:
                self._say(f"tracking: the task's run could not be started: {error}")
            finally:
                shipper.close()
        self.environment = direct_tracking(tracking, self._on_server)

    def _metrics(self) -> dict[str, float]:
        tracking = self._spec.tracking
        if self._on_server is not None and tracking is not None:
            with (
                suppress(TrackingUnavailable),
                TrackingClient(tracking.uri, tracking.token) as client,
            ):
                return client.get(self._on_server).metrics
        try:
            return self._outbox.metrics() if self._outbox else {}
        except OSError as error:
            self._say(f"tracking: what the task logged cannot be read: {error}")
            return {}

    def _tell(self, sentence: str) -> None:
        self._say(f"tracking: {sentence}")
