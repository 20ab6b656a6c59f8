"""The tracking store: what is logged goes to the outbox, the rest to the server, with a limit."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mlflow.entities import (
    Experiment,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.protos import service_pb2
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    RESOURCE_DOES_NOT_EXIST,
)
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils import validation
from mlflow.utils.async_logging.run_operations import RunOperations
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.name_utils import _GENERATOR_NOUNS, _GENERATOR_PREDICATES
from mlflow.utils.proto_json_utils import parse_dict
from mlflow.utils.rest_utils import http_request

from . import runs, spool
from .cleaning import Cleaning
from .entries import as_text, check_unchanged, parsed, point_of
from .redact import given
from .server import Server, artifact_uri, away, folder_of, say

REHEARSAL = "GALLEY_REHEARSAL"
"""Environment variable: "1" in a rehearsal or trial."""
_RUN = "MLFLOW_RUN_ID"
MERGE_S = 5
"""How long a read waits for what the server has beside the outbox, seconds."""
PAUSE_S = 30.0
"""How long reads leave a server alone that did not answer."""


class OutboxStore(RestStore):  # type: ignore[misc]
    """MLflow's REST store, whose parameters, metrics, tags and new runs go to files.

    Args:
        uri: ``galley-outbox:/FOLDER``, the folder of the task's log, which exists.
    """

    def __init__(self, uri: str) -> None:
        self._server = Server(uri)
        super().__init__(partial(get_default_host_creds, self._server.address))
        self._path: Path = folder_of(uri) / spool.LOG
        self._log = spool.Log(self._path)
        self._lock = threading.RLock()
        self._offset = 0
        self._runs: dict[str, runs.RunState] = {}
        self._experiments: set[str] = set()
        self._alone_until = 0.0
        self._cleaning = Cleaning(given())
        self._given = os.environ.get(_RUN)

    # What is logged.

    def create_experiment(self, name: Any, *more: Any, **options: Any) -> Any:
        """Return the id of a new experiment; in a rehearsal, which makes none, that of its own."""
        if os.environ.get(REHEARSAL) == "1":
            say(
                f"a rehearsal logs to its own experiment: {self._server.experiment} is used, and "
                f"{self._cleaning.secrets.text(str(name))!r} is not made"
            )
            return spool.EXPERIMENT
        return super().create_experiment(name, *more, **options)

    def create_run(
        self, experiment_id: Any, user_id: Any, start_time: Any, tags: Any, run_name: Any
    ) -> Run:
        """Begin a run; it has a local id at once. Another experiment than the task's must exist.

        In a rehearsal it is in the task's all the same: the server takes it in no other one.
        """
        if str(experiment_id) != spool.EXPERIMENT and str(experiment_id) not in self._experiments:
            self.get_experiment(str(experiment_id))
        if str(experiment_id) != spool.EXPERIMENT and os.environ.get(REHEARSAL) == "1":
            say(
                f"a rehearsal logs to its own experiment: this run is in {self._server.experiment}"
                f" and not in the experiment {experiment_id}"
            )
            experiment_id = spool.EXPERIMENT
        given = {tag.key: str(tag.value) for tag in tags or ()}
        name = run_name or given.get(runs.RUN_NAME) or _any_name()
        local = spool.local_run()
        for key, value in given.items():
            validation._validate_tag(key, value)
        record = self._cleaning.record(
            runs.created(
                local,
                experiment=str(experiment_id),
                name=name,
                user=user_id or "",
                start_ms=int(start_time or time.time() * 1000),
                tags={**given, runs.RUN_NAME: name},
            )
        )
        self._append(record)
        return self._entity(self._state(local))

    def update_run_info(
        self, run_id: str, run_status: Any, end_time: Any, run_name: Any = None
    ) -> RunInfo:
        """Set status, end and name of a run."""
        if not _is_local(run_id):
            return super().update_run_info(run_id, run_status, end_time, run_name)
        self._state(run_id)
        status = None if run_status is None else RunStatus.to_string(run_status)
        name = self._cleaning.secrets.tree(run_name)
        self._append(
            {"op": "update", "run": run_id, "status": status, "end": end_time, "name": name}
        )
        return self._entity(self._state(run_id)).info

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Log, after the checks that the server would make."""
        if not _is_local(run_id):
            super().log_batch(run_id, metrics, params, tags)
            return
        for metric in metrics:
            validation._validate_metric(metric.key, metric.value, metric.timestamp, metric.step)
        checked = [as_text(param, validation._validate_param) for param in params]
        validation._validate_param_keys_unique(checked)
        record = self._cleaning.record(
            {
                "op": "batch",
                "run": run_id,
                "metrics": [point_of(metric) for metric in metrics],
                "params": {param.key: param.value for param in checked},
                "tags": {
                    tag.key: tag.value
                    for tag in (as_text(one, validation._validate_tag) for one in tags)
                },
            }
        )
        with self._lock:
            check_unchanged(self._state(run_id), record["params"])
            self._append({name: value for name, value in record.items() if value})

    def log_metric(self, run_id: str, metric: Metric) -> None:
        """Log one metric."""
        self.log_batch(run_id, metrics=[metric])

    def log_param(self, run_id: str, param: Param) -> None:
        """Log one parameter."""
        self.log_batch(run_id, params=[param])

    def set_tag(self, run_id: str, tag: RunTag) -> None:
        """Set one tag."""
        self.log_batch(run_id, tags=[tag])

    def log_batch_async(
        self, run_id: str, metrics: Any = (), params: Any = (), tags: Any = ()
    ) -> RunOperations:
        """Log at once: nothing has to be waited for."""
        self.log_batch(run_id, metrics, params, tags)
        return RunOperations([])

    def log_metric_async(self, run_id: str, metric: Metric) -> RunOperations:
        """Log at once."""
        return self.log_batch_async(run_id, metrics=[metric])

    def log_param_async(self, run_id: str, param: Param) -> RunOperations:
        """Log at once."""
        return self.log_batch_async(run_id, params=[param])

    def set_tag_async(self, run_id: str, tag: RunTag) -> RunOperations:
        """Set at once."""
        return self.log_batch_async(run_id, tags=[tag])

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag."""
        if not _is_local(run_id):
            super().delete_tag(run_id, key)
            return
        if key not in self._state(run_id).tags:
            raise MlflowException(
                f"No tag with name: {key} in run with id {run_id}", RESOURCE_DOES_NOT_EXIST
            )
        self._append({"op": "untag", "run": run_id, "key": key})

    def log_inputs(self, run_id: str, datasets: Any = None, models: Any = None) -> None:
        """Note the datasets that a run used; a model it used is known to the server only."""
        if not _is_local(run_id) or models:
            super().log_inputs(run_id, datasets, models)
            return
        self._state(run_id)
        described = [parsed(one.to_proto()) for one in datasets or ()]
        self._append(self._cleaning.record({"op": "inputs", "run": run_id, "datasets": described}))

    # What is read.

    def get_run(self, run_id: str) -> Run:
        """Return a run: what is in the outbox, and what only the server has where it answers."""
        if not _is_local(run_id):
            return self._server.localised(super().get_run(run_id))
        if run_id == self._given and _RUN not in os.environ:
            self._given = None
            self._keep_experiment()
        try:
            state = self._state(run_id)
        except MlflowException:
            return self._server.localised(super().get_run(run_id))
        return self._entity(state, self._remote(run_id))

    def get_metric_history(
        self, run_id: str, metric_key: str, max_results: Any = None, page_token: Any = None
    ) -> PagedList[Metric]:
        """Return all points of a metric, in the order in which they were logged."""
        self._refresh()
        if run_id not in self._runs:
            return super().get_metric_history(run_id, metric_key, max_results, page_token)
        records, _, _ = spool.read(self._path)
        points = [
            Metric(**point)
            for record in records
            if record.get("op") == "batch" and record.get("run") == run_id
            for point in record.get("metrics", ())
            if point["key"] == metric_key
        ]
        return PagedList(points, None)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment; the task's own one needs no answer."""
        if experiment_id == spool.EXPERIMENT:
            return self._own_experiment()
        found = super().get_experiment(experiment_id)
        self._experiments.add(found.experiment_id)
        return found

    def get_experiment_by_name(self, experiment_name: str) -> Experiment | None:
        """Return an experiment; the task's own one needs no answer."""
        if experiment_name == self._server.experiment:
            return self._own_experiment()
        found = super().get_experiment_by_name(experiment_name)
        if found is not None:
            self._experiments.add(found.experiment_id)
        return found

    def _search_runs(self, *arguments: Any, **options: Any) -> tuple[list[Run], str | None]:
        self._server.check()
        self._server.flush()
        found, token = super()._search_runs(*arguments, **options)
        return [self._server.localised(run) for run in found], token

    # What needs an answer.

    def _call_endpoint(
        self, api: Any, json_body: Any = None, endpoint: Any = None, *more: Any, **options: Any
    ) -> Any:
        self._server.check()
        body = json_body and self._cleaning.body(self._server.translated(json_body))
        place = endpoint and self._server.translated(endpoint)
        try:
            return super()._call_endpoint(api, body, place, *more, **options)
        except MlflowException as error:
            if _is_answer(error):
                raise
            raise away(str(error)) from error

    def start_trace(self, trace_info: Any) -> Any:
        """Begin a trace in the experiment's place on the server."""
        location = trace_info.trace_location.mlflow_experiment
        if location is not None and location.experiment_id == spool.EXPERIMENT:
            location.experiment_id = self._server.experiment_id()
        return super().start_trace(trace_info)

    def log_spans(self, location: str, spans: Any, *more: Any, **options: Any) -> Any:
        """Send spans to the experiment's place on the server."""
        location = self._server.translated(location)
        super().log_spans(location, self._cleaning.spans(spans), *more, **options)
        return spans

    # How.

    def _keep_experiment(self) -> None:
        """Have the task's run begin, whatever experiment the notebook has set before.

        ``mlflow.start_run`` has just taken the variable away that names the run, and would refuse
        to begin it in another experiment than that: a line that works in JupyterLab would fail in
        every run. What a run logs is in one place.
        """
        fluent = sys.modules.get("mlflow.tracking.fluent")
        if getattr(fluent, "_active_experiment_id", None) in {None, spool.EXPERIMENT}:
            return
        vars(fluent)["_active_experiment_id"] = spool.EXPERIMENT
        os.environ.pop("MLFLOW_EXPERIMENT_ID", None)  # that one is set by name for what it starts
        say(
            "mlflow.set_experiment() does not count in a run of the platform's: this task logs to "
            f"the experiment {self._server.experiment}"
        )

    def _append(self, record: spool.Record) -> None:
        try:
            self._log.append(record)
        except spool.OutboxFull as error:
            raise MlflowException(f"this could not be logged: {error}", INTERNAL_ERROR) from error

    def _refresh(self) -> None:
        with self._lock:
            records, self._offset, _ = spool.read(self._path, self._offset)
            runs.apply(self._runs, records)

    def _state(self, run_id: str) -> runs.RunState:
        """Return a run of this attempt; raises MlflowException where there is none."""
        self._refresh()
        if run_id not in self._runs:
            found = runs.find(self._server.folder, run_id)
            if found is None:
                raise MlflowException(f"Run with id={run_id} not found", RESOURCE_DOES_NOT_EXIST)
            self._runs[run_id] = found
        return self._runs[run_id]

    def _own_experiment(self) -> Experiment:
        return Experiment(spool.EXPERIMENT, self._server.experiment, "", "active")

    def _remote(self, run_id: str) -> Run | None:
        """Return what the server has of a run that was made there; None: it does not say."""
        self._server.state.refresh()
        known = self._server.state.runs.get(run_id)
        if known is None or time.monotonic() < self._alone_until:
            return None
        try:
            answer = http_request(
                self.get_host_creds(),
                "/api/2.0/mlflow/runs/get",
                "GET",
                max_retries=0,
                timeout=MERGE_S,
                raise_on_status=False,
                params={"run_id": known["id"]},
            )
            reply = service_pb2.GetRun.Response()
            parse_dict(answer.json(), reply)
        except Exception as error:
            self._alone_until = time.monotonic() + PAUSE_S
            say(
                f"MLflow does not answer ({type(error).__name__}); what this task logged is "
                f"read from its outbox"
            )
            return None
        return Run.from_proto(reply.run) if answer.status_code == 200 else None

    def _entity(self, state: runs.RunState, remote: Run | None = None) -> Run:
        info = service_pb2.RunInfo(
            run_id=state.id,
            run_uuid=state.id,
            run_name=state.name,
            experiment_id=state.experiment,
            user_id=state.user,
            status=RunStatus.from_string(state.status),
            start_time=state.start,
            end_time=state.end,
            artifact_uri=artifact_uri(state.id),
            lifecycle_stage=remote.info.lifecycle_stage if remote else "active",
        )
        known = remote.data if remote else RunData()
        points = {metric.key: metric for metric in known._metric_objs}
        points.update({key: Metric(**point) for key, point in state.metrics.items()})
        data = RunData(
            metrics=list(points.values()),
            params=[Param(*pair) for pair in {**known.params, **state.params}.items()],
            tags=[RunTag(*pair) for pair in {**known.tags, **state.tags}.items()],
        )
        inputs = service_pb2.RunInputs()
        for described in state.datasets:
            parse_dict(described, inputs.dataset_inputs.add())
        local = Run(RunInfo.from_proto(info), data, RunInputs.from_proto(inputs))
        if remote is not None:
            local._inputs = remote.inputs if remote.inputs.dataset_inputs else local._inputs
            local._outputs = getattr(remote, "outputs", None)
        return local


def _any_name() -> str:
    """Return a name such as MLflow gives a run that has none.

    MLflow's server draws it; here the notebook's own generator would be drawn from, and what it
    seeded would go on otherwise than in JupyterLab.
    """
    drawn = random.SystemRandom()
    words = drawn.choice(_GENERATOR_PREDICATES), drawn.choice(_GENERATOR_NOUNS)
    return f"{'-'.join(words).lower()}-{drawn.randint(0, 999)}"


def _is_local(run_id: str) -> bool:
    return spool.LOCAL_RUN.fullmatch(run_id) is not None


def _is_answer(error: MlflowException) -> bool:
    """Whether the server said no, as opposed to nothing."""
    return error.error_code not in {
        "INTERNAL_ERROR",
        "TEMPORARILY_UNAVAILABLE",
        "SERVICE_UNDER_MAINTENANCE",
        "IO_ERROR",
    }
