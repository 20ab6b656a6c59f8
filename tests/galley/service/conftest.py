from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.galley.service.platform import Platform, running_platform


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with running_platform(tmp_path / "home") as running:
        yield running
