"""What a local cluster is started with, one line of JSON on its standard input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from galley.cluster.certificates import Certificates
from galley.cluster.resources import Resources
from galley.domain.model import Model

LOST_S = 60.0
"""A worker that was killed is started anew by its nanny, within seconds. When Dask does not see it
again in time it closes the nanny: with its own 15 s also one that was killed twice meanwhile."""

POOL = "galley.pool"
"""Dask's setting that tells workers what their notebooks share: folder, total, and the folder of
the machine's GPUs."""


class ClusterOptions(Model):
    """Size, certificates and places of a local cluster.

    Attributes:
        memory: bytes, all workers together.
        cpu: cores, all workers together; None: one for each worker.
        gpus: numbers of the GPUs that tasks may get.
        machine_gpus: folder of the locks by which the machine shares them; None: it does not.
        lost_s: seconds after which a worker that has not come back is replaced.
    """

    workers: int
    memory: int
    cpu: float | None = None
    gpus: tuple[int, ...] = ()
    machine_gpus: Path | None = None
    certificates: Certificates
    scratch: Path
    preload: tuple[str, ...] = ()
    lost_s: float = LOST_S

    def dask_config(self) -> dict[str, Any]:
        """Return the Dask configuration of scheduler and workers.

        Nothing answers over HTTP, encryption is required everywhere, and a task is not repeated
        on a third worker when two died under it.
        """
        files = self.certificates
        pair = {"cert": str(files.cert), "key": str(files.key)}
        tls = {"ca-file": str(files.ca), "scheduler": pair, "worker": pair, "client": pair}
        return {
            "distributed.comm.require-encryption": True,
            "distributed.comm.tls": tls,
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            "distributed.scheduler.allowed-failures": 1,
            # A task with resources is sent to a worker at once, and would wait there behind a
            # long notebook of another run while a worker has nothing to do.
            "distributed.scheduler.work-stealing": True,
            "distributed.scheduler.work-stealing-interval": "200 ms",
            "distributed.deploy.lost-worker-timeout": f"{self.lost_s} s",
            # As many messages of each topic would be kept, too, and each attempt has its topic.
            "distributed.admin.low-level-log-length": 0,
            # What nobody looks at without Dask's pages takes a tenth of a core while tasks run.
            "distributed.worker.profile.enabled": False,
            "distributed.admin.system-monitor.gil.enabled": False,
            "distributed.admin.system-monitor.interval": "2s",
            "distributed.admin.tick.interval": "500ms",
            "distributed.worker.preload": list(self.preload),
            "distributed.worker.multiprocessing-method": "forkserver",
            "distributed.diagnostics.nvml": False,
            POOL: {
                "folder": str(self.scratch / "pool"),
                "total": self.total.model_dump(),
                "gpus": str(self.machine_gpus) if self.machine_gpus else None,
            },
        }

    @property
    def total(self) -> Resources:
        """What the notebooks of the cluster share."""
        cpu = float(self.workers) if self.cpu is None else self.cpu
        return Resources(cpu=cpu, memory=self.memory, gpus=self.gpus)
