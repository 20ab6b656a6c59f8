"""Fixtures of the room's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from galley.run.zygotes import Zygotes
from jupyter_core.utils import ensure_event_loop


@pytest.fixture(scope="module")
def zygotes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygotes]:
    """Zygotes that belong to nobody but the tests of a module."""
    made = Zygotes(tmp_path_factory.mktemp("zygotes"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def ends_what_a_client_left() -> Iterator[None]:
    """No task of nbclient's outlives its test.

    Where a kernel dies, or a cell runs out of time, it leaves one behind that fails in the next
    test, is told of whenever it is collected, and breaks an ``ast.parse`` that goes on just then.
    """
    yield
    loop = ensure_event_loop()
    if left := asyncio.all_tasks(loop):
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
