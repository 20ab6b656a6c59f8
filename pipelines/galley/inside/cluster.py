"""A Dask cluster for what the notebooks of a run submit, in a fork of the zygote.

It is in the environment of the notebooks and within their walls, so what they send there reaches
no more than they do. It ends when its scheduler does, or when whoever asked for it lets go of it.
"""

from __future__ import annotations

import socket
import sys
import threading
import types
from collections.abc import Mapping
from typing import Any

HEAL_S = 1.0


def serve(listener: socket.socket, told: Mapping[str, Any]) -> None:
    """Be a cluster whose scheduler answers clients on a socket, until the scheduler is closed.

    What encrypts its connections, and that it must, is in the environment.

    Args:
        listener: bound, on which clients may be waiting already.
        told: ``workers``; ``memory`` of each of them, bytes; ``scratch``, a folder.
    """
    sys.path.insert(0, "")  # as in the notebooks
    # What starts workers would have them execute the zygote's program first.
    sys.modules["__main__"] = types.ModuleType("__main__")
    import dask
    from distributed import LocalCluster
    from distributed.core import Status
    from distributed.security import Security

    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    cluster: Any = LocalCluster(
        n_workers=told["workers"],
        threads_per_worker=1,
        processes=True,
        host=listener.getsockname()[0],
        protocol="tls://",
        security=Security(),
        dashboard_address=None,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        worker_dashboard_address=None,
        memory_limit=told["memory"],
        local_directory=told["scratch"],
        silence_logs=30,
    )
    # Not before: who connects asks at once how many workers there are.
    cluster.loop.add_callback(_listen_on, cluster, listener)
    pause = threading.Event()
    while cluster.scheduler.status is Status.running:
        pause.wait(HEAL_S)
        cluster.loop.add_callback(replace_missing, cluster, told["workers"])
    # To close the rest would wait for the scheduler; all of it ends with this process.


def _listen_on(cluster: Any, listener: socket.socket) -> None:
    """Have the scheduler answer clients there as well, in its loop."""
    listener.setblocking(False)
    cluster.scheduler.listeners[0].tcp_server.add_sockets([listener])


def replace_missing(cluster: Any, workers: int) -> None:
    """Start what is not there: Dask starts no worker that closed itself, or whose start failed."""
    from distributed.core import Status

    for name, nanny in list(cluster.workers.items()):
        if nanny.status in {Status.closed, Status.failed}:
            del cluster.workers[name]
    cluster.scale(workers)
