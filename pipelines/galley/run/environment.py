"""The environment of a kernel: what it needs, and no token but the one for its own tracking."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from galley.cluster.address import ClusterAddress
from galley.run.job import Job
from galley.run.locked import Locked
from galley.run.tasks import TaskTracking
from galley.tracking.outbox import Outbox

_INHERITED = (
    *("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
    *("SSL_CERT_FILE", "GALLEY_DATASETS"),
)
INLINE = "module://matplotlib_inline.backend_inline"
"""matplotlib's drawing into the notebook; comes with ipykernel."""
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)


def kernel_environment(
    job: Job,
    inherited: Mapping[str, str],
    locked: Locked | None,
    cpu: float,
    cluster: ClusterAddress | None = None,
) -> dict[str, str]:
    """Return the environment of a kernel of the job, without what tracking adds.

    Args:
        inherited: environment of the runner; a few variables are taken from it by name.
        locked: the environment that it runs in; None: the platform's own.
        cpu: cores that its task may use.
        cluster: what a plain ``Client()`` reaches; None: it starts workers of its own.
    """
    threads = str(max(1, int(cpu)))
    return {
        **{name: inherited[name] for name in _INHERITED if name in inherited},
        **_programs(inherited.get("PATH", "/usr/bin:/bin"), locked),
        "PYTHONUNBUFFERED": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "GALLEY_RUN_ID": str(job.run),
        "GALLEY_ATTEMPT": str(job.attempt),
        "GALLEY_TENANT": job.tenant,
        "GALLEY_PIPELINE": job.pipeline,
        "GALLEY_VERSION": str(job.version),
        "GALLEY_REHEARSAL": "1" if job.kind.personal else "0",
        **dict.fromkeys(_THREADS, threads),
        **(_dask(cluster) if cluster else {}),
        **_quiet_mlflow(),
        **job.environment,
    }


def _programs(path: str, locked: Locked | None) -> dict[str, str]:
    """Return the path of programs, which leads to one Python environment and to no other."""
    platform = str(Path(sys.executable).parent)
    if locked is None or locked.python is None:
        return {"PATH": f"{platform}:{path}", "MPLBACKEND": INLINE}
    folder = locked.python.parent
    others = [one for one in path.split(os.pathsep) if one != platform]
    drawing = locked.lock is not None and locked.lock.version_of("matplotlib") is not None
    return {
        "PATH": os.pathsep.join((str(folder), *others)),
        "VIRTUAL_ENV": str(folder.parent),
        **({"MPLBACKEND": INLINE} if drawing else {}),
    }


def has_dask(locked: Locked | None) -> bool:
    """Whether notebooks of an environment can be clients of a Dask cluster."""
    if locked is None or locked.python is None or locked.lock is None:
        return True
    return locked.lock.version_of("distributed") is not None


def _dask(cluster: ClusterAddress) -> dict[str, str]:
    """Let a plain ``Client()`` in the notebook reach a cluster, encrypted.

    Any cluster that a notebook starts itself is encrypted, too.
    """
    pairs = {
        f"DASK_DISTRIBUTED__COMM__TLS__{role}__{part}": str(file)
        for role in ("CLIENT", "SCHEDULER", "WORKER")
        for part, file in (("CERT", cluster.cert), ("KEY", cluster.key))
    }
    return {
        "DASK_SCHEDULER_ADDRESS": cluster.address,
        # It is not there before it is asked for, and then takes seconds to start.
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "90s",
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(cluster.ca),
        **pairs,
        "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
        "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
    }


def _quiet_mlflow() -> dict[str, str]:
    """Bound MLflow's retries: its own defaults block a cell for minutes when it is down."""
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
        "GIT_PYTHON_REFRESH": "quiet",
    }


def outbox_tracking(
    tracking: TaskTracking, outbox: Outbox, plugin: Path, python_path: str
) -> dict[str, str]:
    """Return what makes plain ``mlflow`` calls of a Python notebook land in the task's outbox.

    Runs that the notebook starts after its first one become children of the task's run. All of
    this may be set after MLflow was imported, if ``galley_outbox.install`` is called then.

    Args:
        plugin: folder with MLflow's entry points, for the end of the kernel's path.
        python_path: what is in the kernel's path already.
    """
    return {
        **_tracking(tracking, outbox.uri, outbox.run),
        "GALLEY_MLFLOW_URI": tracking.uri,
        "GALLEY_MLFLOW_EXPERIMENT": tracking.experiment,
        "GALLEY_MLFLOW_PLUGIN": str(plugin),
        "PYTHONPATH": os.pathsep.join(filter(None, (python_path, str(plugin)))),
        # The addresses that MLflow would print have ids that only the task knows.
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }


def direct_tracking(tracking: TaskTracking, run_id: str | None) -> dict[str, str]:
    """Return what makes a notebook's MLflow client log to the task's run on the server."""
    return _tracking(tracking, tracking.uri, run_id)


def _tracking(tracking: TaskTracking, uri: str, run_id: str | None) -> dict[str, str]:
    environment = {
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_TRACKING_TOKEN": tracking.token,
        "MLFLOW_EXPERIMENT_NAME": tracking.experiment,
    }
    if run_id is None:
        return environment
    context = {"mlflow.parentRunId": run_id, **tracking.tags}
    return {**environment, "MLFLOW_RUN_ID": run_id, "MLFLOW_RUN_CONTEXT": json.dumps(context)}
