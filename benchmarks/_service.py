"""The whole service of a benchmark, as `galley.service` puts it together: without hub and hosts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI
from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley.service import MLFLOW_PREFIX, PREFIX
from galley.service.app import create_app
from galley.service.leading import Leading
from galley.store import Store

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.galley.service.platform import LauncherThatOnlyNotes, TableOfTokens
from tests.galley.world import TENANTS


def roomy() -> Tenants:
    """Return the tenants of the tests, with room for everything."""
    lab = TENANTS.tenants["lab"]
    limits = lab.limits.model_copy(update={"concurrent_runs": 10**9, "cpu": 1e9, "memory": 2**60})
    lab = lab.model_copy(update={"limits": limits})
    return TENANTS.model_copy(update={"tenants": {**TENANTS.tenants, "lab": lab}})


TENANTS_ROOMY = roomy()


def service(
    store: Store, home: Path, clock: Callable[[], datetime], leading: Leading | None = None
) -> FastAPI:
    """Return a service with its loops on ``store``; its other files lie in ``home``."""
    settings = Settings(
        home=home,
        tenants_file=home / "tenants.yaml",
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="full",
    )
    settings.service_state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return create_app(
        settings,
        tenants=lambda: TENANTS_ROOMY,
        store=store,
        launcher=LauncherThatOnlyNotes(),
        hub=TableOfTokens(PREFIX, "service-galley"),
        mlflow_hub=TableOfTokens(MLFLOW_PREFIX, "service-mlflow"),
        secret=b"benchmark",
        clock=clock,
        leading=leading,
    )
