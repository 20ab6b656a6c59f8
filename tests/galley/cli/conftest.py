from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.galley.cli.command_line import CommandLine
from tests.galley.service.platform import Platform, running_platform, served


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with running_platform(tmp_path / "home", lifespan=False) as running:
        yield running


@pytest.fixture
def galley(platform: Platform, tmp_path: Path) -> Iterator[CommandLine]:
    with served(platform) as url:
        yield CommandLine(platform, url, tmp_path)
