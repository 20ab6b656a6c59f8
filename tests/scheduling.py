"""Three workers: one for the tests that start the platform's own processes, two for all others.

What starts servers and sandboxes shares the machine's uids, control groups and ports, so it runs
one after another, and waits more than it computes: a third worker uses the time. The rest keeps to
its own folder and kernels, file by file, the longest first, so that no worker ends long before the
others.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ALONE = (
    "tests/galley/launcher/",
    "tests/galley/sandbox/",
    "tests/galley/service/test_leading.py",
    "tests/galley/service/test_process.py",
    "tests/galley/service/test_watching.py",
    "tests/galley/supervisor/",
    "tests/galley_hub/",
    "tests/galley_lab/",
    "tests/journey/",
)
LONG = (
    "tests/galley/host/",
    "tests/galley/run/test_notebook.py",
    "tests/galley/run/test_hostile.py",
    "tests/galley/inside/test_outbox_store.py",
    "tests/galley/service/test_mlflow.py",
    "tests/galley/run/",
    "tests/galley/proof/",
    "tests/galley/project/",
    "tests/notebooks/",
    "tests/galley/cli/",
    "tests/galley/service/",
    "tests/galley/widgets/",
)
"""Files that take ten seconds and more, or folders of such, the longest first."""


class OneMachine(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the tests of :data:`ALONE` on one worker, and each other file on whichever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return "the machine" if nodeid.startswith(ALONE) else nodeid.partition("::")[0]


def scheduler(config: Any, log: Any) -> OneMachine:
    """Return the scheduler of a session, which takes the tests in the order that they come in."""
    config.option.loadscopereorder = False
    return OneMachine(config, log)


def longest_first(items: list[pytest.Item]) -> None:
    """Bring :data:`ALONE` to the front, then :data:`LONG`."""
    order: list[str | tuple[str, ...]] = [ALONE, *LONG]
    items.sort(
        key=lambda item: next(
            (place for place, these in enumerate(order) if item.nodeid.startswith(these)),
            len(order),
        )
    )
