from __future__ import annotations

import json

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
