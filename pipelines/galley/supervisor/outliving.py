"""Worker hosts and single-user servers: they outlive what has started them, not the platform.

As a rule they are descendants of the supervisor. Where both it and the foreground process were
killed, the next `galley up` finds them by their pid files, and has to end them by these.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from galley.sandbox import processes


def outliving(run: Path) -> list[psutil.Process]:
    """Return those of a platform that live, whoever has started them.

    Args:
        run: its folder of pid files.
    """
    found = []
    for folder in ("hosts", "servers"):
        for process in processes.saved(run / folder).values():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(process.pid))
    return found
