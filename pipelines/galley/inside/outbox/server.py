"""The real MLflow behind an outbox: made runs, translated ids, bounded waiting.

Only what cannot be answered from the files comes here. Ids of local runs, the task's own
experiment and the artifact addresses of local runs are replaced in what is sent; the runs that
they stand for are made first, once: the right to make one is a lock, that one may exist is written
down before it is asked for, and a run that may exist is looked for by its tag before a second try.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlflow.entities import RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.credentials import get_default_host_creds

from . import SCHEME, runs, spool

ADDRESS = "GALLEY_MLFLOW_URI"
"""Environment variable: address of the server."""
OWN_EXPERIMENT = "GALLEY_MLFLOW_EXPERIMENT"
"""Environment variable: name of the task's own experiment."""
CONNECT_S = 5.0
CREATE_S = 35.0
FLUSH_S = 10.0
SETTLE_S = 20.0
_ARTIFACTS = re.compile(rf"{SCHEME}:/({spool.LOCAL_RUN.pattern})/artifacts")


class Server:
    """One task's way to MLflow.

    Args:
        uri: ``galley-outbox:/FOLDER``, the folder of the task's log.
    """

    def __init__(self, uri: str) -> None:
        place = folder_of(uri)
        self.name = place.name
        self.folder = place.parent
        self.address = os.environ.get(ADDRESS, "")
        self.experiment = os.environ.get(OWN_EXPERIMENT, "")
        self.state = spool.State(self.folder)
        self._rest = RestStore(partial(get_default_host_creds, self.address))

    def check(self) -> None:
        """Raise an MlflowException that says so when nobody answers at the server's address."""
        parts = urlsplit(self.address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=CONNECT_S).close()
        except OSError as error:
            raise away(f"nobody answers at {self.address}: {error}") from error

    def run(self, local: str) -> dict[str, str]:
        """Return ``id``, ``experiment`` and ``artifacts`` of a local run, made if need be.

        Raises:
            MlflowException: there is no such run, or the server does not answer.
        """
        self.state.refresh()
        if (known := self.state.runs.get(local)) is not None:
            return known
        state = runs.find(self.folder, local)
        self.check()
        if state is None:
            return self._by_key(local)
        if spool.LOCAL_RUN.fullmatch(state.tags.get(runs.PARENT, "")):
            self.run(state.tags[runs.PARENT])
        try:
            with spool.creating(self.folder, CREATE_S):
                return self._create(state)
        except TimeoutError as error:
            raise away(str(error)) from error

    def experiment_id(self) -> str:
        """Return the id of the task's own experiment, made if need be."""
        self.state.refresh()
        known = self.state.experiments.get(self.experiment)
        if known is None:
            self.check()
            found = self._rest.get_experiment_by_name(self.experiment)
            known = found.experiment_id if found else self._make(self.experiment)
            self.state.add(know="experiment", name=self.experiment, id=known)
        return str(known)

    def _make(self, experiment: str) -> str:
        """Make the task's own experiment, which another thread or task may do at the same time."""
        try:
            return str(self._rest.create_experiment(experiment))
        except MlflowException:
            found = self._rest.get_experiment_by_name(experiment)
            if found is None:
                raise
            return str(found.experiment_id)

    def translated(self, text: str) -> str:
        """Return ``text`` as the server understands it."""
        text = _ARTIFACTS.sub(lambda found: self.run(found[1])["artifacts"], text)
        text = spool.LOCAL_RUN.sub(lambda found: self.run(found[0])["id"], text)
        if spool.EXPERIMENT in text:
            text = text.replace(spool.EXPERIMENT, self.experiment_id())
        return text

    def localised(self, run: Any) -> Any:
        """Return a run of the server's with the ids that the notebook knows it by."""
        self.state.refresh()
        locals_ = {known["id"]: local for local, known in self.state.runs.items()}
        proto = run.to_proto()
        if proto.info.run_id in locals_:
            local = locals_[proto.info.run_id]
            proto.info.run_id = proto.info.run_uuid = local
            proto.info.artifact_uri = artifact_uri(local)
        for tag in proto.data.tags:
            if tag.key == runs.PARENT:
                tag.value = locals_.get(tag.value, tag.value)
        if proto.info.experiment_id == self.state.experiments.get(self.experiment):
            proto.info.experiment_id = spool.EXPERIMENT
        return type(run).from_proto(proto)

    def flush(self) -> None:
        """Wait until what this task logged has been sent; say so when it takes too long."""
        log = self.folder / self.name / spool.LOG
        size = log.stat().st_size if log.exists() else 0
        deadline = time.monotonic() + FLUSH_S
        while not self._sent(size):
            (self.folder / self.name / "wanted").touch()
            if time.monotonic() >= deadline:
                say(
                    f"what this task logged was not sent to MLflow within {FLUSH_S:g} s: the "
                    "answer may lack the latest of it; nothing is lost"
                )
                return
            time.sleep(spool.POLL_S)

    def _sent(self, size: int) -> bool:
        self.state.refresh()
        return self.state.sent.get(self.name, 0) >= size

    def _create(self, state: runs.RunState) -> dict[str, str]:
        self.state.refresh()
        if state.id not in self.state.runs:
            experiment = (
                self.experiment_id() if state.experiment == spool.EXPERIMENT else state.experiment
            )
            found = None
            if self.state.begun.get(state.id):
                found = self._find(experiment, state.id, SETTLE_S)
            self.state.add(know="begun", run=state.id, at=int(time.time() * 1000))
            tags = {**state.tags, runs.KEY: state.id}
            parent = self.state.runs.get(tags.get(runs.PARENT, ""))
            if parent is not None:
                tags[runs.PARENT] = parent["id"]
            made = found or self._rest.create_run(
                experiment,
                state.user,
                state.start,
                [RunTag(key, value) for key, value in tags.items()],
                state.name,
            )
            self._know(state.id, made)
        return self.state.runs[state.id]

    def _by_key(self, local: str) -> dict[str, str]:
        """Return a run of an earlier attempt, which the notebook knows by its local id."""
        found = self._find(self.experiment_id(), local, 0)
        if found is None:
            raise MlflowException(f"Run with id={local} not found", RESOURCE_DOES_NOT_EXIST)
        self._know(local, found)
        return self.state.runs[local]

    def _find(self, experiment: str, local: str, patience_s: float) -> Any | None:
        """Return the run with a key; one whose answer was lost may take a moment to appear."""
        deadline = time.monotonic() + patience_s
        while True:
            found = self._rest.search_runs(
                [experiment], f"tags.`{runs.KEY}` = '{local}'", ViewType.ACTIVE_ONLY, 1
            )
            if found or time.monotonic() >= deadline:
                return found[0] if found else None
            time.sleep(1)

    def _know(self, local: str, run: Any) -> None:
        self.state.add(
            know="run",
            run=local,
            id=run.info.run_id,
            experiment=run.info.experiment_id,
            artifacts=run.info.artifact_uri,
            by="notebook",
        )


def folder_of(uri: str) -> Path:
    """Return the folder of a task's log; raises MlflowException for another URI."""
    scheme, _, path = uri.partition(":")
    if scheme != SCHEME or not path.startswith("/"):
        raise MlflowException(
            f"{uri!r} is no outbox of a task: leave MLFLOW_TRACKING_URI as it was set for it"
        )
    return Path(path)


def artifact_uri(local: str) -> str:
    """Return the address of a local run's artifacts."""
    return f"{SCHEME}:/{local}/artifacts"


def away(reason: str) -> MlflowException:
    """Return the error of a call that MLflow did not answer, and tell it on standard error."""
    text = (
        f"MLflow does not answer, and this call needs its answer: {reason}. Parameters, metrics "
        "and tags are kept and sent later; models, artifacts, searches and the registry are not."
    )
    say(text)
    return MlflowException(text, TEMPORARILY_UNAVAILABLE)


def say(text: str) -> None:
    """Print a line for the task's log."""
    sys.stderr.write(f"galley: {text}\n")
