from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from galley.service import MLFLOW_PREFIX

from tests.galley.service.platform import Platform, running_platform
from tests.galley.service.tracked import Call, mlflow_state


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with running_platform(tmp_path / "home") as running:
        yield running


@pytest.fixture(scope="session")
def mlflow_home() -> Iterator[Path]:
    """The state directory of a running MLflow server; its path must be short."""
    with mlflow_state() as home:
        yield home


@pytest.fixture
def call(platform: Platform) -> Call:
    def request(
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str],
        tenant: str = "oncology",
        method: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        url = f"{MLFLOW_PREFIX}/{tenant}{path}"
        chosen = method or ("GET" if body is None else "POST")
        answer: httpx.Response = platform.client.request(
            chosen, url, headers=headers, json=body, **more
        )
        return answer

    return request
