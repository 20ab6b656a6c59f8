"""What a process has of the one that starts it, and a fork of the zygote would not have.

A kernel that is started takes umask, limits, niceness, CPUs and ignored signals from its caller; a
fork takes them from the zygote, so from whoever happened to start that one.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from pathlib import Path
from typing import Any

# Whether there are core files is not the caller's to say.
_LIMITS = {
    name: int(getattr(resource, name))
    for name in dir(resource)
    if name.startswith("RLIMIT_") and name not in {"RLIMIT_CORE", "RLIMIT_OFILE"}
}
_PYTHONS = {signal.SIGPIPE, signal.SIGXFSZ}
"""Signals that each Python process ignores."""


def of_caller() -> dict[str, Any]:
    """Return what a process that is started here would have, as JSON takes it."""
    # Asking for the umask itself would set it, for other threads as well.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    ignored = int(status["SigIgn"], 16)
    return {
        "umask": int(status["Umask"], 8),
        "limits": {name: resource.getrlimit(number) for name, number in _LIMITS.items()},
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "cpus": sorted(os.sched_getaffinity(0)),
        # Not those of the C library, which GNU make has its children ignore.
        "ignored": [int(one) for one in signal.valid_signals() if ignored >> (one - 1) & 1],
    }


def take(told: dict[str, Any]) -> None:
    """Have it in this process; what may not be raised again is left."""
    os.umask(told["umask"])
    for name, (soft, hard) in told["limits"].items():
        _limit(_LIMITS[name], soft, hard)
    if os.getpriority(os.PRIO_PROCESS, 0) != told["nice"]:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, told["nice"])
    if os.sched_getaffinity(0) != set(told["cpus"]):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, told["cpus"])
    for number in set(told["ignored"]) - {signal.SIGINT}:  # ipykernel's, whatever was inherited
        signal.signal(number, signal.SIG_IGN)


def as_started() -> None:
    """Treat signals as a Python process that has just started, whatever the zygote does."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        wanted: Any = signal.SIG_IGN if number in _PYTHONS else signal.SIG_DFL
        if number == signal.SIGINT:
            wanted = signal.default_int_handler
        if signal.getsignal(number) != wanted:
            signal.signal(number, wanted)


def _limit(number: int, soft: int, hard: int) -> None:
    own = resource.getrlimit(number)
    if own == (soft, hard):
        return
    try:
        resource.setrlimit(number, (soft, hard))
    except ValueError:
        hard = min(hard, own[1], key=_size)
        with contextlib.suppress(ValueError):
            resource.setrlimit(number, (min(soft, hard, key=_size), hard))


def _size(limit: int) -> float:
    return float("inf") if limit == resource.RLIM_INFINITY else limit
