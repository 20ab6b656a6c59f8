"""What holds for all tests: how they are spread over two workers."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Spread the tests as :mod:`tests.scheduling` says."""
    from tests.scheduling import scheduler

    return scheduler(config, log)
