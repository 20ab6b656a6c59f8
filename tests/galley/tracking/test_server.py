from __future__ import annotations

import shlex
import stat
from pathlib import Path

import pytest
from galley.domain.settings import Settings
from galley.errors import GalleyError
from galley.tracking.server import mlflow_command


def settings_in(home: Path) -> Settings:
    return Settings(
        home=home,
        tenants_file=home / "tenants.yaml",
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="none",
    )


def test_the_folder_of_the_socket_is_closed_to_everybody_else(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.mlflow_state.mkdir(mode=0o755)
    mlflow_command(settings)
    assert stat.S_IMODE(settings.mlflow_state.stat().st_mode) == 0o700


def test_it_listens_on_the_socket_with_workspaces_and_one_worker(tmp_path: Path) -> None:
    home = tmp_path / "with space"
    argv, env = mlflow_command(settings_in(home))
    options = shlex.split(argv[argv.index("--uvicorn-opts") + 1])
    assert options[:2] == ["--uds", str(home / "mlflow" / "server.sock")]
    assert "--enable-workspaces" in argv
    assert argv[argv.index("--workers") + 1] == "1"
    assert env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert env["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 120)
    with pytest.raises(GalleyError, match="Choose a shorter GALLEY_HOME"):
        mlflow_command(settings_in(home))
    assert not home.exists()
