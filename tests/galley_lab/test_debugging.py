"""Debugging a run through the bridge of a real Jupyter server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import nbformat
import pytest
from galley.locking import lock_digest, lock_text, resolve
from packaging.requirements import Requirement

from tests.galley.locking.wheels import offline
from tests.galley_lab.conftest import Lab
from tests.galley_lab.recording_service import RecordingService
from tests.galley_lab.test_bridge import notebook


@pytest.fixture
def run(service: RecordingService) -> str:
    """A run whose kit the service gives out."""
    run_id = str(uuid4())
    service.kits[run_id] = {
        "run": run_id,
        "tenant": "oncology",
        "pipeline": "survival",
        "pipeline_name": "Survival",
        "version": 3,
        "attempt": 1,
        "task": "fit",
        "error": None,
        "parameters": {"alpha": 7},
        "notebook": notebook("alpha = 7"),
        "failed": 0,
        "modules": {"helpers.py": "x = 1\n"},
        "lock": {
            "digest": None,
            "of_platform": True,
            "python": None,
            "text": "gone==1\n",
            "packages": {"gone": "1"},
        },
        "files": [],
        "datasets": [{"name": "tumours", "path": "/nowhere/tumours", "mode": "ro"}],
        "missing": [],
    }
    return run_id


def ask(lab: Lab, run: str, **more: Any) -> httpx.Response:
    return lab.http.post("galley/debug", json={"run": run, "attempt": 1, **more})


def test_it_tells_first_and_writes_when_asked(lab: Lab, run: str) -> None:
    told = ask(lab, run).json()
    assert told["notebook"] == f"debug/{run}-fit/survival-v3.ipynb"
    assert [one["name"] for one in told["differences"]] == ["gone"]
    assert [one["path"] for one in told["unreadable"]] == ["/nowhere/tumours"]
    folder = lab.folder / told["folder"]
    assert not folder.exists()
    assert ask(lab, run, write=True).json()["written"] is True
    assert json.loads((folder / "survival-v3.ipynb").read_text())["cells"]
    assert (folder / "helpers.py").read_text() == "x = 1\n"
    nbformat.validate(nbformat.read(folder / "survival-v3.ipynb", as_version=4))


def test_the_runs_environment_is_made_when_asked(
    lab: Lab, run: str, service: RecordingService, wheels: Path
) -> None:
    lock = resolve([Requirement("greeting==1.0")], offline(wheels))
    service.kits[run]["lock"] = {
        "digest": lock_digest(lock),
        "of_platform": False,
        "python": lock.python,
        "text": lock_text(lock),
        "packages": {one.name: one.version for one in lock.packages},
    }
    told = ask(lab, run).json()
    assert (told["same_environment"], told["can_make"]) == (False, True)
    made = ask(lab, run, environment=True)
    assert made.status_code == 200, made.text
    assert made.json()["same_environment"] is True
    assert not (lab.folder / told["folder"]).exists(), "the notebook is written when asked"
    written = ask(lab, run, write=True).json()
    notebook = json.loads((lab.folder / written["notebook"]).read_text())
    assert notebook["metadata"]["kernelspec"]["name"] == written["kernel"] != "python3"
    other = lock_text(lock).replace("greeting==1.0", "greeting==9.0")
    service.kits[run]["lock"] |= {"digest": "f" * 64, "text": other}
    refused = ask(lab, run, environment=True)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "greeting" in refused.json()["detail"]


def test_it_never_writes_over_work_unasked(lab: Lab, run: str) -> None:
    path = lab.folder / ask(lab, run, write=True).json()["notebook"]
    path.write_text("{}")
    refused = ask(lab, run, write=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert path.read_text() == "{}"
    assert ask(lab, run, write=True, replace=True).status_code == 200
    assert path.read_text() != "{}"


def test_what_names_no_run_is_refused(lab: Lab, lone_lab: Lab) -> None:
    assert ask(lab, "seven").status_code == 422
    assert ask(lab, str(uuid4())).status_code == 404
    assert ask(lone_lab, str(uuid4())).status_code == 501
    strange = httpx.post(f"{lab.url}galley/debug", json={}, trust_env=False)
    assert strange.status_code == 403
