from __future__ import annotations

import json

from galley.domain.settings import Settings
from galley_hub import files
from galley_hub.server_environment import environment

HUB = {"JUPYTERHUB_API_TOKEN": "token", "JUPYTERHUB_USER": "alice", "PATH": "/of/the/hub"}


def test_a_server_reaches_the_platform_through_its_door(settings: Settings) -> None:
    made = environment(HUB, settings, "oncology", "cpu-small")
    assert made["GALLEY_TENANT"] == "oncology"
    assert made["GALLEY_URL"] == "http://127.0.0.1:8000/services/galley"
    assert made["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:8000/services/mlflow/oncology"
    assert made["MLFLOW_TRACKING_TOKEN"] == made["JUPYTERHUB_API_TOKEN"] == "token"


def test_the_sandbox_decides_about_paths(settings: Settings) -> None:
    assert "PATH" not in environment(HUB, settings, "oncology", "cpu-small")


def test_the_lab_is_told_what_to_load_and_what_to_leave_out() -> None:
    server = json.loads((files.lab_config() / "jupyter_server_config.json").read_text())
    extensions = server["ServerApp"]["jpserver_extensions"]
    assert extensions["galley_lab"] is True
    assert extensions["ploomber"] is extensions["ploomber_extension"] is False
    page = json.loads((files.lab_config() / "labconfig" / "page_config.json").read_text())
    assert page["disabledExtensions"]["@jupyterlab/apputils-extension:announcements"] is True
