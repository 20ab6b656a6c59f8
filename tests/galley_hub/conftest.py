"""The example deployment, and settings that need nothing of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley_hub.tenants import load

EXAMPLE = Path(__file__).parents[2] / "hub_config" / "tenants.yaml"


@pytest.fixture(scope="session")
def tenants() -> Tenants:
    return load(EXAMPLE)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        tenants_file=EXAMPLE,
        port=8000,
        hub_port=20001,
        proxy_api_port=20002,
        service_port=20003,
        isolation="full",
    )
