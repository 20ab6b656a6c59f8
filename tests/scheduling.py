"""Two workers: one for the tests that start the platform's own processes, one for all others.

What starts servers, hosts and sandboxes shares the machine's uids, control groups and ports, so it
runs one after another. The rest keeps to its own folder and kernels, file by file.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

ALONE = (
    "tests/galley/cluster/",
    "tests/galley/host/",
    "tests/galley/launcher/",
    "tests/galley/sandbox/",
    "tests/galley/service/",
    "tests/galley/supervisor/",
    "tests/galley/tracking/",
    "tests/galley_hub/",
    "tests/galley_lab/",
    "tests/journey/",
)


class OneMachine(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the tests of :data:`ALONE` on one worker, and each other file on whichever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return "the machine" if nodeid.startswith(ALONE) else nodeid.partition("::")[0]


def scheduler(config: Any, log: Any) -> OneMachine:
    """Return the scheduler of a session."""
    return OneMachine(config, log)
