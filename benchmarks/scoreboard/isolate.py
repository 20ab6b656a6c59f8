"""Runs a command of the benchmark with limits: time, memory, no network, its own process group."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
SET_FLAGS, UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
MEMORY = 10 * 2**30
"""Address space of each process, bytes; numerical libraries reserve much more than they use."""


class Done(NamedTuple):
    """How a command ended; ``status`` is None where it was stopped for taking too long."""

    status: int | None
    seconds: float
    text: str


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
) -> Done:
    """Run a command to its end or its limit, and end whatever it started."""
    log = cwd / ".benchmark.log"
    started = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**_environment(cwd), **(environment or {})},
            start_new_session=True,
            preexec_fn=_limit,
        )
        try:
            status: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        seconds = time.monotonic() - started
        end_group(process.pid)
        process.wait()
    text = log.read_bytes()[-20_000:].decode(errors="replace")
    log.unlink()
    return Done(status, seconds, text)


def end_group(leader: int) -> None:
    """End the processes of a session that this benchmark started."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _environment(home: Path) -> dict[str, str]:
    kept = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONPATH", "MPLCONFIGDIR")
    return {
        **{key: os.environ[key] for key in kept if key in os.environ},
        "HOME": str(home),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PLOOMBER_STATS_ENABLED": "false",
        "PLOOMBER_VERSION_CHECK_DISABLED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Sets of strings would otherwise come in another order in every process.
        "PYTHONHASHSEED": "0",
    }


def _limit() -> None:
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    no_network()


def no_network() -> bool:
    """Leave only the loopback to this process; False where it may not (it then has a network)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
        fcntl.ioctl(loopback, SET_FLAGS, struct.pack("16sH14s", b"lo", UP, b""))
    return True
