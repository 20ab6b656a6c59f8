"""Fixtures that several rooms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.galley.tracking.mlflow_process import MlflowProcess, mlflow_process


@pytest.fixture(scope="session")
def mlflow() -> Iterator[MlflowProcess]:
    """A real MLflow server."""
    with mlflow_process() as server:
        yield server
