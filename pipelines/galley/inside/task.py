"""What a fork of the zygote does to be a kernel like any other."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import json
import os
import re
import socket
import sys
import time
import traceback
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import birth, inherited, reseeding, walls

INLINE = "module://matplotlib_inline.backend_inline"
_COLUMNS = "display.max_columns"
NOTEBOOK_COLUMNS = 20
"""How many columns of a frame pandas shows in a notebook."""
_LAUNCHER = str(
    getattr(importlib.util.find_spec("ipykernel_launcher"), "origin", "ipykernel_launcher.py")
)
_HAS_DEBUGGER = importlib.util.find_spec("debugpy") is not None
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
    _signals()
    told = _begin(fds)
    if request["kind"] == "batch":
        from . import batch

        app = batch.made()
        _serve(app, fds)
    elif request["kind"] == "cluster":
        _files(fds[1], fds[2])
        from . import cluster

        try:
            cluster.serve(socket.socket(fileno=fds[0]), json.loads(told["argv"][0]))
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    else:
        _files(fds[1], fds[2])
        for fd in fds[:3]:
            os.close(fd)
        from ipykernel.kernelapp import IPKernelApp

        kernel: Any = IPKernelApp.instance()
        kernel.log_connection_info = lambda: None  # on standard output, where nobody reads it
        kernel.initialize(list(told["argv"]))
        kernel.start()


def made_ahead() -> Any:
    """Return a batch kernel that any number of processes can be forked with, one for each task."""
    from . import batch

    _signals()
    return batch.made(ahead=True)


def spare(app: Any, handoff: socket.socket) -> None:
    """Be a kernel that was made ahead, before it is asked for; then be what is asked for."""
    app.begin()
    reseeding.reseed()  # while nobody waits for it
    said, fds, _, _ = socket.recv_fds(handoff, 16, 4)
    if not said:
        return
    handoff.close()
    _begin(fds, reseeded=True)
    _serve(app, list(fds))


def rehearse() -> None:
    """Be a batch kernel for one cell, with nobody at the other end: for what it imports."""
    from . import batch
    from .wire import frame

    nowhere = os.open(os.devnull, os.O_WRONLY)
    _files(nowhere, nowhere)
    app = batch.made()
    content = {"code": "print(1)\n1 + 1", "silent": False, "store_history": True}
    ours, theirs = socket.socketpair()
    for kind, said in (("execute_request", content), ("shutdown_request", {})):
        ours.sendall(frame(app.session.pack(app.session.msg(kind, said)), ()))
    batch.serve(app, theirs)


def prime() -> None:
    """Fill the caches that each fork would fill anew: reading a first cell compiles a grammar."""
    from IPython.core.inputtransformer2 import TransformerManager

    manager = TransformerManager()  # type: ignore[no-untyped-call]
    manager.transform_cell("%time print(1)\n1 + 1\n")


def _serve(app: Any, fds: list[int]) -> None:
    from . import batch

    app.settle(fds[1], fds[2])
    os.close(fds[1])
    os.close(fds[2])
    batch.serve(app, socket.socket(fileno=fds[0]))


def _files(output: int, errors: int) -> None:
    """Take the standard files."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for fd, source in enumerate((nowhere, output, errors)):
        os.dup2(source, fd)
    os.close(nowhere)


def _signals() -> None:
    """Treat signals as a Python process that has just started, and read nothing."""
    inherited.as_started()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)


def _told(fd: int) -> dict[str, Any]:
    """Read what this process alone is told; the zygote has it in no memory of its own."""
    with open(fd, "rb") as file:
        told: dict[str, Any] = json.load(file)
    return told


def _begin(fds: Sequence[int], *, reseeded: bool = False) -> dict[str, Any]:
    """Enter what this process is told to be, and return that."""
    try:
        told = _told(fds[3])
        _enter(told)
        if not reseeded:
            reseeding.reseed()
    except BaseException:
        os.write(fds[2], traceback.format_exc().encode(errors="replace"))  # where a kernel's go
        os._exit(birth.NOT_BEGUN)
    return told


def _enter(told: dict[str, Any]) -> None:
    """Take the task's environment, secrets, limits and folder."""
    if birth.apart and not walls.foreign:
        walls.own_processes()
    if told["walls"] is not None and birth.apart and not walls.obstacle:
        walls.enclose(told["walls"])
    birth.drop_capabilities()
    birth.show()
    inherited.take(told["caller"])
    os.environ.clear()
    os.environ.update(told["env"])
    if told["secrets"]:
        from . import secrets

        secrets.take(told["secrets"])
    if not os.environ.get("MPLBACKEND"):  # as ipykernel does; here it may have been made before
        os.environ["MPLBACKEND"] = INLINE
    os.chdir(told["cwd"])
    if _HAS_DEBUGGER:
        sys.breakpointhook = debugpy_breakpointhook
    _paths()
    sys.argv = [_LAUNCHER, *(told["argv"] or _arguments())]
    time.tzset()
    _catch_up(told["cwd"])


def _arguments() -> list[str]:
    """Return what nbclient starts a kernel with: who reads arguments in a notebook finds these."""
    from .batch import CONFIGURED

    connection = f"{os.environ.get('TMPDIR', '/tmp')}/tmp{uuid.uuid4().hex[:8]}.json"  # noqa: S108
    given = (
        f"--{name}.{key}={value}"
        for name, options in CONFIGURED.items()
        for key, value in options.items()
    )
    return ["-f", connection, *given]


def _paths() -> None:
    """Look for modules where PYTHONPATH says, and let MLflow know the store that comes that way."""
    named = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    first = int(sys.path[:1] == [""])
    sys.path[first:first] = [path for path in named if path not in sys.path]
    if plugin := os.environ.get("GALLEY_MLFLOW_PLUGIN"):
        outbox = importlib.import_module("galley_outbox")
        outbox.install(Path(plugin))


def debugpy_breakpointhook() -> None:
    """Pass a ``breakpoint()``, as in a kernel whose debugpy has no debugger attached.

    The name is debugpy's, since tracebacks show it.
    """


def _catch_up(cwd: str) -> None:
    """Let libraries that looked around when they were imported look again."""
    if (matplotlib := sys.modules.get("matplotlib")) is not None:
        matplotlib.rcParams["backend"] = os.environ["MPLBACKEND"]
    if (processes := sys.modules.get("multiprocessing.process")) is not None:
        vars(processes)["ORIGINAL_DIR"] = cwd  # where spawned ones look for modules
    if (dask := sys.modules.get("dask.config")) is not None:
        dask.refresh()
    if (pandas := sys.modules.get("pandas")) is not None:
        _not_a_terminal(pandas)
    if (threads := os.environ.get("OMP_NUM_THREADS", "")).isdigit():
        _set_threads(int(threads))


def _not_a_terminal(pandas: Any) -> None:
    """Let pandas cut wide frames; without IPython around it took itself to be in a terminal."""
    with contextlib.suppress(AttributeError, KeyError):  # what a default is, no function tells
        defaults = pandas._config.config._registered_options
        shown = defaults[_COLUMNS]
        if shown.defval == 0:
            defaults[_COLUMNS] = shown._replace(defval=NOTEBOOK_COLUMNS)
            pandas.set_option(_COLUMNS, NOTEBOOK_COLUMNS)


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
