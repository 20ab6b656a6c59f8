"""What holds for all tests: how they are spread over the workers."""

from __future__ import annotations

import sys
from typing import Any

import pytest

# jsonschema compiles this grammar at import, two seconds of CPU in each worker, only to check IRIs.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Spread the tests as :mod:`tests.scheduling` says."""
    from tests.scheduling import scheduler

    return scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order what is spread: a worker that collects, not a run of a few files by hand."""
    if hasattr(config, "workerinput"):
        from tests.scheduling import longest_first

        longest_first(items)
