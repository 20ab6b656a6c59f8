from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.galley.cli.command_line import CommandLine
from tests.galley.service.test_debugging import ERROR


def test_a_failed_run_is_written_to_be_debugged(galley: CommandLine) -> None:
    galley.approved()
    run = galley.read("run", "daily-report", "-p", "alpha", "7")["id"]
    assert "has not been started yet" in galley("debug", run).stderr
    galley.platform.run_through("oncology", state="failed", failure_class="user", error=ERROR)
    folder = galley.folder / "looking"
    done = galley("debug", run, "--output", str(folder))
    assert done.exit_code == 0, done.output
    assert "it failed: cell 3: ValueError: bad" in done.stdout
    notebook = json.loads((folder / "daily-report-v1.ipynb").read_text())
    assert "alpha = 7" in notebook["cells"][3]["source"]
    assert (folder / "requirements.lock").exists()
    assert "is there already" in galley("debug", run, "-o", str(folder)).stderr
    assert galley.read("debug", run, "-o", str(folder), "--replace")["written"] is True
    assert galley("debug", run, "--task", "other", "-o", str(folder)).exit_code == 1


def test_a_notebook_that_was_written_before_gets_the_runs_environment(
    galley: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    galley.approved()
    run = galley.read("run", "daily-report", "-p", "alpha", "7")["id"]
    galley.platform.run_through("oncology", state="failed", failure_class="user", error=ERROR)
    folder = galley.folder / "looking"
    assert galley("debug", run, "-o", str(folder)).exit_code == 0
    file = folder / "daily-report-v1.ipynb"
    mine = json.loads(file.read_text())
    mine["cells"].append({"cell_type": "markdown", "source": "mine", "metadata": {}})
    file.write_text(json.dumps(mine))
    done = galley("debug", run, "-o", str(folder), "--environment")
    assert done.exit_code == 0, done.output
    assert "as it was: looking/daily-report-v1.ipynb" in done.stdout
    assert json.loads(file.read_text())["cells"][-1]["source"] == "mine"
