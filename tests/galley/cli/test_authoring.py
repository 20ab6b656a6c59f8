"""publish, analyse, withdraw, export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from galley.domain.versions import Version

from tests.galley.cli.command_line import CommandLine


def test_publishing_shows_the_rehearsal_until_it_is_ready_for_review(galley: CommandLine) -> None:
    with galley.host("rehearsal", "ada"):
        result = galley("publish", galley.notebook(), "--cron", "@daily", "--note", "please look")
    assert result.exit_code == 0, result.output
    assert "daily-report v1 waits for lead and mle (rehearsed in 1.5 s)" in result.stdout
    (version,) = galley.read("reviews", user="lea")
    assert (version["note"], version["schedule"]["cron"]) == ("please look", "@daily")
    assert version["source_path"] == "daily.ipynb"


def test_a_failed_rehearsal_is_exit_code_1(galley: CommandLine) -> None:
    error = {"ename": "ValueError", "evalue": "no", "message": "cell 3 raised ValueError: no"}
    ends = {"state": "failed", "failure_class": "user", "error": error}
    with galley.host("rehearsal", "ada", **ends):
        result = galley("publish", galley.notebook())
    assert result.exit_code == 1
    assert "daily-report v1 failed: " in result.stdout
    assert "cell 3 raised ValueError: no" in result.stdout


def test_local_modules_go_along(galley: CommandLine) -> None:
    (galley.folder / "helpers.py").write_text("import deeper\nfactor = 2\n")
    (galley.folder / "deeper.py").write_text("")
    published = galley.read(
        "publish", galley.notebook("import helpers\nx = helpers.factor"), "--no-wait"
    )
    assert published["analysis"]["modules"] == ["deeper", "helpers"]


def test_what_is_published_can_be_named_and_typed(galley: CommandLine) -> None:
    options = ("--name", "Übersicht", "--goal", "auc", "--lower", "--threshold", "0.5")
    published = galley.read("publish", galley.notebook(), *options, "-p", "alpha", "7", "--no-wait")
    assert (published["pipeline"], published["name"]) == ("ubersicht", "Übersicht")
    assert published["goal"] == {"metric": "auc", "direction": "lower", "threshold": 0.5}
    refused = galley("publish", galley.notebook(), "-p", "alpha", "many", "--no-wait")
    assert refused.exit_code == 1
    assert "parameters.alpha: " in refused.stderr
    refused = galley("publish", galley.notebook(), "-p", "beta", "1", "--no-wait")
    assert "'beta' is not a parameter of this notebook; its parameters: alpha" in refused.stderr
    refused = galley("publish", galley.notebook(), "--lower", "--no-wait")
    assert "--lower and --threshold need --goal" in refused.stderr


def test_the_tasks_and_their_proof_can_be_chosen(galley: CommandLine) -> None:
    layout = galley.folder / "layout.yaml"
    layout.write_text("tasks: [{name: everything, cells: [0, 1, 2]}]")
    options = ("--layout", str(layout), "--prove", "never", "--no-wait")
    published = galley.read("publish", galley.notebook(), *options)
    assert published["analysis"]["split"]["source"] == "author"
    assert published["analysis"]["split"]["reason"] == "its author asks for one task"
    layout.write_text("tasks: [{name: everything, cells: [0]}]")
    refused = galley("publish", galley.notebook(), *options)
    assert refused.exit_code == 1
    assert "layout" in refused.stderr


def test_what_a_rehearsal_is_doing_is_said_in_words(
    galley: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [
        {"cell": None, "cells": None, "task": None, "phase": "preparing the environment"},
        {"cell": None, "cells": None, "task": None, "phase": None},
        {"cell": 2, "cells": 9, "task": "daily_report", "phase": None},
        {"cell": 9, "cells": 9, "task": None, "phase": "split run"},
    ]
    version = Version.model_validate(galley.read("publish", galley.notebook(), "--no-wait"))
    steps = [version.model_copy(update={"progress": one}) for one in seen]
    steps.append(version.model_copy(update={"state": "failed", "state_reason": "it was enough"}))
    monkeypatch.setattr("galley.client.Client.version", lambda *_: steps.pop(0))
    monkeypatch.setattr("galley.client.watch.QUIET_S", 0)  # no event tells of made-up progress
    done = galley("publish", galley.notebook("y = alpha"), "--slug", "again")
    assert [line.strip() for line in done.stderr.splitlines()] == [
        "preparing the environment",
        "cell 3 of 9",
        "split run",
    ]


def test_refusals_name_the_field(galley: CommandLine) -> None:
    bad = galley("publish", galley.notebook(), "--cron", "61 * * * *", "--no-wait")
    assert bad.exit_code == 1
    assert "schedule.cron: " in bad.stderr
    assert galley("publish", str(galley.folder / "no.ipynb")).exit_code == 1
    assert galley.read("pipelines") == []


def test_analysing_runs_and_keeps_nothing(galley: CommandLine) -> None:
    result = galley("analyse", galley.notebook())
    assert result.exit_code == 0
    assert "daily.ipynb: 1 parameter (alpha), 0 local files" in result.stdout
    assert galley.read("pipelines") == []
    bad = galley("analyse", galley.notebook("print(never_defined)"))
    assert bad.exit_code == 1
    assert "error: cell 3 uses `never_defined`" in bad.stderr
    assert "never_defined" in bad.stderr


def test_analysing_shows_the_tasks_and_what_they_hand_over(galley: CommandLine) -> None:
    path = Path(galley.notebook())
    made = json.loads(path.read_text())
    kinds = {"markdown": "## Load|## Use", "code": "rows = list(range(3))|print(rows)"}
    made["cells"] = [
        {"cell_type": kind, "id": f"{kind}{number}", "metadata": {}, "source": source}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for number in (0, 1)
        for kind, sources in kinds.items()
        for source in [sources.split("|")[number]]
    ]
    path.write_text(json.dumps(made))
    shown = galley("analyse", str(path)).stdout
    assert "rows of load" in shown
    said = galley.read("analyse", str(path))["split"]
    assert [(one["producer"], one["consumer"], one["name"]) for one in said["crossings"]] == [
        ("load", "use", "rows")
    ]


def test_analysing_lists_the_files_that_are_read_and_written(galley: CommandLine) -> None:
    notebook = galley.notebook("open('rows.csv')\nopen(input(), 'w')")
    shown = galley("analyse", notebook).stdout
    assert "reads rows.csv (cell 3)" in shown
    assert "writes a file named when it runs (cell 3)" in shown


def test_withdrawing(galley: CommandLine) -> None:
    galley.in_review()
    assert "daily-report v1 is withdrawn" in galley("withdraw", "daily-report").stdout
    again = galley("withdraw", "daily-report@1")
    assert again.exit_code == 1
    assert "withdrawn" in again.stderr


def test_exporting_writes_a_project(galley: CommandLine) -> None:
    galley.in_review()
    folder = galley.folder / "exported"
    nothing_live = galley("export", "daily-report", str(folder))
    assert nothing_live.exit_code == 1
    assert "no live version" in nothing_live.stderr
    written = galley.read("export", "daily-report@latest", str(folder))
    assert written["version"] == 1
    assert {"pipeline.yaml", "tasks/daily_report.ipynb"} <= set(written["files"])
    assert Path(folder, "pipeline.yaml").is_file()
    assert "is not empty" in galley("export", "daily-report@1", str(folder)).stderr
    elsewhere = str(galley.folder / "elsewhere")
    assert "names no version" in galley("export", "daily-report@old", elsewhere).stderr
