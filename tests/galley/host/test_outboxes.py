"""What attempts log reaches MLflow, whatever happens to it or to the host in between."""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galley.domain.runs import AttemptState
from galley.errors import Unavailable
from galley.host.config import HostConfig
from galley.host.outboxes import Outboxes
from galley.host.service import Service
from galley.inside.outbox import spool
from galley.tracking.client import TrackedRun, TrackingClient
from galley.tracking.outbox import Outbox
from galley.tracking.shipper import TooEarly

from tests.galley.host.conftest import host_process
from tests.galley.host.recording_service import RecordingService, assignment, recording_service
from tests.galley.run.projects import single
from tests.galley.tracking.gate import Gate, gate_to
from tests.galley.tracking.mlflow_process import MlflowProcess, tags_of

pytestmark = pytest.mark.integration

LOGS = (
    "import mlflow\nmlflow.log_param('depth', 3)\nfor step in range(20):\n"
    "    mlflow.log_metric('auc', step / 20, step=step)\nprint('logged', flush=True)"
)


def of_run(mlflow: MlflowProcess, run: uuid.UUID) -> dict[str, Any]:
    """Return the MLflow runs of one of the platform's, by name; no name is there twice."""
    found = [
        one for one in mlflow.runs("survival") if tags_of(one).get("galley.run_id") == str(run)
    ]
    by_name: dict[str, Any] = {one["info"]["run_name"]: one for one in found}  # type: ignore[index]
    assert len(by_name) == len(found)
    return by_name


def points(mlflow: MlflowProcess, run: dict[str, Any]) -> list[float]:
    answer = mlflow.http.get(
        "/api/2.0/mlflow/metrics/get-history",
        params={"run_id": run["info"]["run_id"], "metric_key": "auc"},
    )
    return [metric["value"] for metric in answer.json()["metrics"]]


def test_a_killed_host_leaves_what_the_next_one_sends(
    mlflow: MlflowProcess, tmp_path: Path
) -> None:
    project = single(tmp_path / "project", LOGS, "import time\ntime.sleep(600)")
    work = assignment()
    with recording_service() as own:  # MLflow is away
        with host_process(own, tmp_path / "home") as killed:
            attempt = own.give(work, project)
            own.wait_for(lambda own: "| logged" in own.log_of(attempt))
            killed.send_signal(signal.SIGKILL)
            killed.wait(timeout=60)
        own.mlflow = mlflow
        with host_process(own, tmp_path / "home"):
            tracked = own.tracked_of(attempt)
    runs = of_run(mlflow, work.run)
    assert runs.keys() == {"survival v3", "report"}
    report = runs["report"]
    assert tracked.tasks == {"report": report["info"]["run_id"]}
    # By the next host, or by a worker that saw its kernel end before it was ended itself.
    assert report["info"]["status"] in {"KILLED", "FAILED"}
    assert {item["key"]: item["value"] for item in report["data"]["params"]} == {"depth": "3"}
    assert points(mlflow, report) == [step / 20 for step in range(20)]
    assert list((tmp_path / "home" / ".galley" / "outbox").iterdir()) == []


def test_mlflow_that_is_away_does_not_delay_an_outcome_and_gets_everything_later(
    service: RecordingService, host: object, mlflow: MlflowProcess, tmp_path: Path
) -> None:
    service.mlflow = None
    work = assignment()
    attempt = service.give(work, single(tmp_path / "project", LOGS))
    outcome = service.outcome_of(attempt)
    assert (outcome.state, outcome.metrics) == (AttemptState.SUCCEEDED, {"auc": 0.95})
    assert attempt not in service.tracked
    service.mlflow = mlflow
    tracked = service.tracked_of(attempt)
    runs = of_run(mlflow, work.run)
    assert tracked.mlflow_run_id == runs["survival v3"]["info"]["run_id"]
    report = runs["report"]
    assert points(mlflow, report) == [step / 20 for step in range(20)]
    assert report["info"]["status"] == "FINISHED"
    assert tags_of(report)["mlflow.parentRunId"] == tracked.mlflow_run_id


class ServiceAway:
    """The part of the service that outboxes tell; away for the first ``times`` calls."""

    def __init__(self, times: int = 0) -> None:
        self.times = times
        self.told: list[Any] = []

    def tracked(self, attempt: uuid.UUID, runs: Any) -> None:
        if self.times > 0:
            self.times -= 1
            raise Unavailable("away")
        self.told.append((attempt, runs))


@pytest.fixture
def gate(mlflow: MlflowProcess) -> Iterator[Gate]:
    with gate_to(mlflow) as served:
        yield served


def outboxes_in(folder: Path, gate: Gate, service: ServiceAway) -> Outboxes:
    config = HostConfig(service_url="http://x/s", token="t", tenant="lab", name="h", folder=folder)
    stand_in: Service = service  # type: ignore[assignment]
    made = Outboxes(config, stand_in, TrackingClient(gate.uri, "t", timeout_s=20))
    made.adopt()
    return made


def ready(outboxes: Outboxes) -> None:
    """Step at once, whatever was to be waited for."""
    outboxes._quiet_until = 0
    for attempt in outboxes._attempts.values():
        attempt.quiet_until = 0
    outboxes.step()


def test_an_outage_is_told_once_and_nothing_is_forgotten(tmp_path: Path, gate: Gate) -> None:
    service, attempt, said = ServiceAway(times=1), uuid.uuid4(), list[str]()
    outboxes = outboxes_in(tmp_path, gate, service)
    folder = outboxes.open(attempt, f"e-{attempt}", said.append)
    run = Outbox.begin(folder, "run", name="run", start_ms=1, tags={})
    gate.away = True
    for _ in range(3):
        ready(outboxes)
    (line,) = said
    assert line.startswith("tracking: what is logged waits for MLflow; the run goes on.")
    outboxes.step()  # too early to ask again
    calls = len(gate.calls)
    outboxes.step()
    assert len(gate.calls) == calls
    gate.away = False
    run.end("FINISHED", at_ms=2)
    outboxes.ended(attempt, "FINISHED")
    ready(outboxes)
    assert outboxes.known(attempt, run.run) is not None
    assert folder.exists(), "the service does not know yet"
    ready(outboxes)
    ((told, runs),) = service.told
    assert told == attempt
    assert runs.mlflow_run_id is not None
    assert not folder.exists()
    assert outboxes.drain(0)


def test_a_task_is_sent_when_it_ends_or_somebody_waits_and_else_from_time_to_time(
    tmp_path: Path, gate: Gate
) -> None:
    attempt = uuid.uuid4()
    outboxes = outboxes_in(tmp_path, gate, ServiceAway())
    folder = outboxes.open(attempt, f"e-{attempt}", lambda _: None)
    waits, ends, works = (
        Outbox.begin(folder, None, name=name, start_ms=1, tags={}) for name in "abc"
    )
    (folder / waits.run / "wanted").touch()
    ends.end("FINISHED", at_ms=2)
    outboxes.step()
    assert outboxes.known(attempt, waits.run)
    assert outboxes.known(attempt, ends.run)
    assert outboxes.known(attempt, works.run) is None
    assert not (folder / waits.run / "wanted").exists()
    assert outboxes.known(attempt, "0" * 32) == "0" * 32
    outboxes._attempts[attempt].due[works.run] = 0
    outboxes.step()
    assert outboxes.known(attempt, works.run)


def test_a_request_that_may_still_take_effect_holds_up_its_own_attempt_only(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[uuid.UUID] = []

    def send(self: Outboxes, attempt: Any) -> None:
        sent.append(attempt.attempt)
        if len(sent) == 1:
            raise TooEarly(30)

    monkeypatch.setattr(Outboxes, "_send", send)
    said: list[str] = []
    early, other = uuid.uuid4(), uuid.uuid4()
    outboxes = outboxes_in(tmp_path, gate, ServiceAway())
    for attempt in (early, other):
        outboxes.open(attempt, "e", said.append)
    outboxes.step()
    outboxes.step()
    assert sent == [early, other, other]
    assert said == []


def test_what_is_no_outbox_is_left_alone(tmp_path: Path, gate: Gate) -> None:
    strange = tmp_path / "outbox" / "not-an-id"
    strange.mkdir(parents=True)
    (strange / "attempt.json").write_text("{}")
    broken = tmp_path / "outbox" / str(uuid.uuid4())
    broken.mkdir()
    (broken / "attempt.json").write_text(json.dumps(["no"]))
    outboxes = outboxes_in(tmp_path, gate, ServiceAway())
    assert outboxes.drain(0)
    assert strange.exists()
    assert broken.exists()


@pytest.mark.timeout(60)
def test_a_task_that_makes_a_pipe_of_its_log_holds_up_neither_its_end_nor_what_others_logged(
    tmp_path: Path, gate: Gate
) -> None:
    service, attempt, said = ServiceAway(), uuid.uuid4(), list[str]()
    outboxes = outboxes_in(tmp_path, gate, service)
    folder = outboxes.open(attempt, f"e-{attempt}", said.append)
    run = Outbox.begin(folder, "run", name="run", start_ms=1, tags={})
    task = Outbox.begin(folder, None, name="fit", start_ms=1, tags={"galley.task": "fit"})
    (folder / task.run / spool.LOG).unlink()
    os.mkfifo(folder / task.run / spool.LOG)
    (folder / task.run / "wanted").mkdir()
    (folder / "away").symlink_to(tmp_path)
    ready(outboxes)
    assert len(said) == 2
    assert all("what is logged there is left out: " in line for line in said)
    outboxes.ended(attempt, "FAILED")
    assert len(said) == 4
    assert all("the end of a run is not kept for MLflow: " in line for line in said[2:])
    ready(outboxes)
    ((_, runs),) = service.told
    (made,) = runs_of(gate, attempt, run.run)
    assert runs.mlflow_run_id == made.id
    assert not folder.exists()
    assert outboxes.drain(0)


def runs_of(gate: Gate, attempt: uuid.UUID, local: str) -> list[TrackedRun]:
    """Return the MLflow runs of a local one."""
    with TrackingClient(gate.uri, "t", timeout_s=20) as client:
        return client.find_all(client.experiment(f"e-{attempt}"), {"galley.key": local})


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", [spool.STATE, "lock"])
def test_an_outbox_that_cannot_be_sent_any_more_holds_up_no_other_and_goes_when_it_has_ended(
    tmp_path: Path, gate: Gate, name: str
) -> None:
    service, spoiled, other = ServiceAway(), uuid.uuid4(), uuid.uuid4()
    said = list[str]()
    outboxes = outboxes_in(tmp_path, gate, service)
    folders = {one: outboxes.open(one, f"e-{one}", said.append) for one in (spoiled, other)}
    for folder in folders.values():
        Outbox.begin(folder, "run", name="run", start_ms=1, tags={})
    os.mkfifo(folders[spoiled] / name)
    for _ in range(2):
        ready(outboxes)
    (line,) = said
    assert f"{name} is a link or no plain file" in line
    assert outboxes.known(spoiled, "galley-" + "0" * 32) is None
    for one in folders:
        outboxes.ended(one, "FAILED")
    ready(outboxes)
    assert [attempt for attempt, _ in service.told] == [other]
    assert not any(folder.exists() for folder in folders.values())
    assert outboxes.drain(0)


@pytest.mark.parametrize("first", [True, False], ids=["made before", "made in this moment"])
def test_that_an_attempt_ended_is_not_noted_where_a_link_leads(
    tmp_path: Path,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    first: bool,
) -> None:
    attempt, host = uuid.uuid4(), tmp_path / "of-the-host"
    outboxes = outboxes_in(tmp_path, gate, ServiceAway())
    folder = outboxes.open(attempt, f"e-{attempt}", lambda _: None)

    def link(*_: Any) -> None:
        (folder / "ended").symlink_to(host)

    if first:
        link()
    else:
        monkeypatch.setattr("galley.host.outboxes.close_open", link)
    outboxes.ended(attempt, "FAILED")
    assert not host.exists()
    assert ("could not be ended" in caplog.text) is not first


@pytest.mark.timeout(60)
def test_a_host_begins_whatever_tasks_left_in_place_of_notes(tmp_path: Path, gate: Gate) -> None:
    pipe, link, deep, endless = (tmp_path / "outbox" / str(uuid.uuid4()) for _ in range(4))
    for folder in (pipe, link, deep, endless):
        folder.mkdir(parents=True)
    os.mkfifo(pipe / "attempt.json")
    (tmp_path / "note").write_text('{"experiment": "e"}')
    (link / "attempt.json").symlink_to(tmp_path / "note")
    (deep / "attempt.json").write_text("[" * 60_000)
    with (endless / "attempt.json").open("wb") as file:
        file.truncate(2**40)
    (tmp_path / "outbox" / "file").touch()
    outboxes = outboxes_in(tmp_path, gate, ServiceAway())
    assert outboxes.drain(0)
