"""What runs logged to MLflow goes with them, once MLflow answers."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx

from galley.service.mlflow.workspaces import workspace_of
from galley.store import Store, retention
from galley.tracking.client import TrackingClient, TrackingRefused, TrackingUnavailable
from galley.tracking.server import ALLOWED_HOST

BATCH = 50
"""Runs that are read from the store at a time."""

MOST = 10_000
"""MLflow runs with the same tag that one search finds."""

_log = logging.getLogger(__name__)


class Pruning:
    """Deletes the MLflow runs of runs that are not kept any more, as MLflow deletes: marked so.

    A run that a registered model comes from stays. What cannot be deleted now is tried again with
    the next pass; deleting twice changes nothing.

    Args:
        socket: of the MLflow server.
    """

    def __init__(self, store: Store, socket: Path) -> None:
        self._store = store
        self._socket = socket

    def step(self) -> None:
        """Delete all that is noted; stop where MLflow does not answer."""
        after: UUID | None = None
        while noted := self._store.read(
            partial(retention.tracked_removals, after=after, limit=BATCH)
        ):
            for run, tenant, experiment in noted:
                try:
                    self._delete(tenant, experiment, run)
                except TrackingRefused as error:
                    _log.warning("The MLflow runs of run %s are not deleted: %s", run, error)
                    continue
                except TrackingUnavailable as error:
                    _log.warning("MLflow runs are deleted later: %s", error)
                    return
                self._store.write(partial(retention.tracked_removed, run_id=run))
            after = noted[-1][0]

    def _delete(self, tenant: str, experiment: str, run: UUID) -> None:
        """Delete what carries the run's id, and all that was begun below it."""
        with TrackingClient(
            f"http://{ALLOWED_HOST}",
            None,
            workspace=workspace_of(tenant),
            transport=httpx.HTTPTransport(uds=str(self._socket)),
        ) as client:
            place = client.find_experiment(experiment)
            if place is None:
                return
            seen: set[str] = set()
            below = [{"galley.run_id": str(run)}]
            while below:
                for one in client.find_all(place, below.pop(), limit=MOST):
                    if one.id in seen:
                        continue
                    seen.add(one.id)
                    below.append({"mlflow.parentRunId": one.id})
                    if not client.made_a_model(one.id):
                        client.post("runs/delete", {"run_id": one.id})
