"""A real MLflow server behind the service's proxy, and what tests ask of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from galley.domain.settings import Settings
from galley.tracking.server import ALLOWED_HOST, mlflow_command

from tests.galley.service.platform import eventually

Call = Callable[..., httpx.Response]


@contextmanager
def mlflow_state() -> Iterator[Path]:
    """The state directory of a running MLflow server; its path must be short."""
    home = Path(tempfile.mkdtemp(prefix="galley-", dir="/tmp"))
    settings = Settings(
        home=home,
        tenants_file=home / "tenants.yaml",
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="full",
    )
    argv, env = mlflow_command(settings)
    with (home / "mlflow.log").open("wb") as log:
        server = subprocess.Popen(
            argv, env={**os.environ, **env}, cwd=home, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            eventually(lambda: _answers(settings.mlflow_socket), within_s=120)
            yield home
        finally:
            server.terminate()
            server.wait(30)
    shutil.rmtree(home)


def _answers(socket: Path) -> bool:
    if not socket.exists():
        return False
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket))) as client:
        try:
            return client.get(f"http://{ALLOWED_HOST}/health").is_success
        except httpx.TransportError:
            return False


def api(path: str) -> str:
    return f"/api/2.0/mlflow/{path}"


def new_run(call: Call, headers: dict[str, str], name: str, tenant: str = "oncology") -> str:
    found = call(
        api(f"experiments/get-by-name?experiment_name={name}"), headers=headers, tenant=tenant
    )
    if found.is_success:
        experiment = found.json()["experiment"]["experiment_id"]
    else:
        made = call(api("experiments/create"), {"name": name}, headers=headers, tenant=tenant)
        assert made.status_code == 200, made.text
        experiment = made.json()["experiment_id"]
    run = call(api("runs/create"), {"experiment_id": experiment}, headers=headers, tenant=tenant)
    return str(run.json()["run"]["info"]["run_id"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
