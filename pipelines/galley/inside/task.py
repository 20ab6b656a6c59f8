"""What a fork of the zygote does to be a kernel like any other."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import re
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

_POOLS = {
    "openblas": (
        "openblas_set_num_threads",
        "openblas_set_num_threads64_",
        "scipy_openblas_set_num_threads",
        "scipy_openblas_set_num_threads64_",
    ),
    "gomp": ("omp_set_num_threads",),
    "iomp": ("omp_set_num_threads",),
    "libomp": ("omp_set_num_threads",),
    "mkl_rt": ("MKL_Set_Num_Threads",),
}
"""Part of a library's file name → functions that set the size of its thread pool."""


def run(request: dict[str, Any], fds: list[int]) -> None:
    """Be the kernel that was asked for, in the environment that was asked for."""
    pipe = os.dup(fds[0])
    _settle(request, fds)
    if request["kind"] == "batch":
        from . import batch

        batch.main(socket.socket(fileno=pipe))
    else:
        os.close(pipe)
        from ipykernel.kernelapp import IPKernelApp

        app: Any = IPKernelApp.instance()
        app.initialize(list(request["argv"]))
        app.start()


def rehearse() -> None:
    """Be a batch kernel for one cell, with nobody at the other end: for what it imports."""
    import asyncio

    from . import batch

    ours, theirs = socket.socketpair()
    for fd in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
    app: Any = batch.BatchApp(pipe=theirs)
    app.initialize(list(batch.ARGUMENTS))
    content = {"code": "print(1)\n1 + 1", "silent": False, "store_history": True}
    request = app.session.msg("execute_request", content)
    asyncio.run(app._answer(app.kernel, batch.Channel("shell"), request))
    ours.close()


def _settle(request: dict[str, Any], fds: list[int]) -> None:
    """Take the task's streams, environment, folder and random state."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for fd, source in enumerate((nowhere, fds[1], fds[2])):
        os.dup2(source, fd)
    for fd in (nowhere, *fds):
        os.close(fd)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as any Python process
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["ipykernel_launcher.py", *request["argv"]]
    time.tzset()
    _reseed()
    _catch_up()


def _reseed() -> None:
    """Give this process random numbers of its own."""
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None and "numpy.random" in sys.modules:
        numpy.random.seed()
    if (torch := sys.modules.get("torch")) is not None:
        torch.seed()


def _catch_up() -> None:
    """Let libraries that looked at the environment when they were imported look again."""
    if (matplotlib := sys.modules.get("matplotlib")) is not None:
        backend = os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline"
        matplotlib.rcParams["backend"] = backend
    if (dask := sys.modules.get("dask.config")) is not None:
        dask.refresh()
    if (threads := os.environ.get("OMP_NUM_THREADS", "")).isdigit():
        _set_threads(int(threads))


def _set_threads(number: int) -> None:
    """Size the thread pools that were loaded with one thread, so that the zygote has none."""
    mapped = set(re.findall(r"(/\S+\.so\S*)$", Path("/proc/self/maps").read_text(), re.MULTILINE))
    for path in mapped:
        for part, functions in _POOLS.items():
            if part in path.rpartition("/")[2]:
                with contextlib.suppress(OSError):
                    library = ctypes.CDLL(path)
                    for name in functions:
                        if hasattr(library, name):
                            getattr(library, name)(number)
