from __future__ import annotations

import json
from pathlib import Path

from galley.cluster.address import ClusterAddress
from galley.domain.runs import RunKind
from galley.run.environment import direct_tracking, kernel_environment, outbox_tracking
from galley.run.tasks import TaskTracking
from galley.tracking.outbox import Outbox

from tests.galley.run.jobs import make_job


def test_only_named_variables_are_inherited(tmp_path: Path) -> None:
    inherited = {"HOME": "/home/x", "PATH": "/bin", "GALLEY_HOST_TOKEN_FILE": "t", "SECRET": "s"}
    environment = kernel_environment(make_job(tmp_path), inherited, None, 1)
    assert environment["HOME"] == "/home/x"
    assert environment["PATH"].endswith(":/bin")
    assert not {"SECRET", "GALLEY_HOST_TOKEN_FILE"} & environment.keys()


def test_it_says_what_is_running_and_limits_threads(tmp_path: Path) -> None:
    job = make_job(tmp_path, kind=RunKind.REHEARSAL)
    environment = kernel_environment(job, {}, None, 1)
    assert environment["GALLEY_RUN_ID"] == str(job.run)
    assert environment["GALLEY_REHEARSAL"] == "1"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "DASK_SCHEDULER_ADDRESS" not in environment


def test_a_plain_dask_client_finds_the_cluster_and_must_encrypt(tmp_path: Path) -> None:
    cluster = ClusterAddress(
        address="tls://127.0.0.1:1", ca=tmp_path / "ca", cert=tmp_path / "c", key=tmp_path / "k"
    )
    environment = kernel_environment(make_job(tmp_path), {}, None, 1, cluster)
    assert environment["DASK_SCHEDULER_ADDRESS"] == "tls://127.0.0.1:1"
    assert environment["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "True"
    assert environment["DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"] == str(tmp_path / "k")


def tracking(folder: Path) -> TaskTracking:
    return TaskTracking(
        uri="http://x/m",
        token="t",
        experiment="e",
        outbox=folder,
        parent="p",
        tags={"galley.run_id": "r"},
    )


def test_mlflow_lands_in_the_tasks_outbox_and_later_runs_below_it(tmp_path: Path) -> None:
    outbox = Outbox.begin(tmp_path, "fit", name="fit", start_ms=1, tags={})
    environment = outbox_tracking(tracking(tmp_path), outbox, tmp_path / "plugin", "mine")
    assert environment["MLFLOW_TRACKING_URI"] == f"galley-outbox:{tmp_path / 'fit'}"
    assert environment["MLFLOW_RUN_ID"] == outbox.run
    assert environment["MLFLOW_TRACKING_TOKEN"] == "t"
    assert environment["PYTHONPATH"] == f"mine:{tmp_path / 'plugin'}"
    context = json.loads(environment["MLFLOW_RUN_CONTEXT"])
    assert context == {"mlflow.parentRunId": outbox.run, "galley.run_id": "r"}


def test_another_language_goes_to_the_server(tmp_path: Path) -> None:
    environment = direct_tracking(tracking(tmp_path), "run-1")
    assert environment["MLFLOW_TRACKING_URI"] == "http://x/m"
    assert environment["MLFLOW_RUN_ID"] == "run-1"
    assert "MLFLOW_RUN_ID" not in direct_tracking(tracking(tmp_path), None)
