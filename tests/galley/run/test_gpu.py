"""On a machine with a GPU: a task sees the devices it asked for, and its zygote none of them."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from galley.cluster.local import LocalProvider
from galley.domain.runs import AttemptState, RunKind
from galley.domain.tenants import Profile
from galley.run.journal import Journal
from galley.run.runner import Runner
from galley.sandbox.machine import this_machine

from tests.galley.run.jobs import make_job
from tests.galley.run.projects import single

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.integration,
    pytest.mark.skipif(this_machine().gpus == 0, reason="this machine has no GPU"),
]

COUNTS = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
begun, number = cuda.cuInit(0), ctypes.c_int(-1)
cuda.cuDeviceGetCount(ctypes.byref(number))
print("cuInit", begun, "devices", number.value)
"""
NONE_THERE = "cuInit 100 devices"


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_task_sees_the_devices_it_asked_for(
    tmp_path: Path, gpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    single(tmp_path / "project", COUNTS)
    monkeypatch.chdir(tmp_path / "project")
    provider = LocalProvider(
        tmp_path / "cluster",
        name="oncology",
        workers=1,
        memory=2**31,
        idle_s=60,
        gpus=range(this_machine().gpus),
        preload=("galley.run.dask",),
    )
    try:
        profile = Profile(display_name="GPU", cpu=1, memory=2**30, gpus=gpus)
        job = make_job(tmp_path, kind=RunKind.PIPELINE, cluster=provider.acquire(), profile=profile)
        outcome = Runner(job, Journal(job.journal), os.environ).run()
    finally:
        provider.close()
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    log = (job.journal / "attempt.log").read_text()
    assert (f"cuInit 0 devices {gpus}" if gpus else NONE_THERE) in log
    assert zygotes_with_cuda() == []


def zygotes_with_cuda() -> list[int]:
    """Return the zygotes that have loaded CUDA, which does not survive a fork."""
    found = []
    for process in psutil.process_iter():
        try:
            if "inside/zygote.py" in " ".join(process.cmdline()) and any(
                "libcuda" in mapped.path for mapped in process.memory_maps()
            ):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
