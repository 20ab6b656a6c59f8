"""Starts the interpreter that is a zygote, and waits until it has its imports."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from galley.run.wanted import Wanted, readable_in_time

START_S = 60.0
_STARTED: list[subprocess.Popen[bytes]] = []
"""Zygotes that this process is the parent of, to collect those that have ended."""


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    folder: int,
    config: Mapping[str, Any],
    log: Path,
    wanted: Wanted,
) -> None:
    """Start a zygote, and wait until it can fork; one that cannot, or is not wanted, is ended.

    Args:
        folder: file descriptor of where it has its socket.
        config: what it is told, see :mod:`galley.inside.zygote`.
        log: file that gets its errors.

    Raises:
        OSError: it did not start.
        Unwanted: it is not wanted any more.
    """
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            env=dict(env),
            cwd=f"/proc/self/fd/{folder}",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    ready = False
    try:
        ready = _begins(process, config, wanted)
    finally:
        if not ready:
            process.kill()
            process.wait()
    if not ready:
        said = log.read_text(errors="replace").strip()
        raise OSError(f"the zygote did not start: {said[-300:] or 'it said nothing'}")
    _STARTED.append(process)
    _STARTED[:] = [one for one in _STARTED if one.poll() is None]


def _begins(process: subprocess.Popen[bytes], config: Mapping[str, Any], wanted: Wanted) -> bool:
    """Tell a zygote what it is to be; returns whether it is ready then."""
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(json.dumps(config).encode() + b"\n")
        process.stdin.flush()
        said = process.stdout.fileno()
        return (
            readable_in_time(said, seconds=START_S, wanted=wanted)
            and process.stdout.readline() == b"ready\n"
        )
