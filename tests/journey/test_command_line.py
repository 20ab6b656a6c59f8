"""The story by command line: publish, review, run, roll back, export, back up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.galley.project.blocker import write_blocker
from tests.journey import notebooks
from tests.journey import platform as platforms
from tests.journey.people import Person
from tests.journey.platform import Platform
from tests.journey.waiting import until

pytestmark = pytest.mark.integration

Galley = Callable[..., subprocess.CompletedProcess[str]]
BIN = Path(sys.prefix) / "bin"


def galley_as(
    platform: Platform,
    person: Callable[[str], Person],
    tmp_path: Path,
    name: str,
    tenant: str = "winery",
) -> Galley:
    token = person(name).token(f"{name} on the command line")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GALLEY_URL": platform.url,
        "GALLEY_TOKEN": token,
        "GALLEY_TENANT": tenant,
    }

    def galley(
        *words: str, ok: bool = True, typed: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "galley.cli", *words],
            env=environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert (done.returncode == 0) is ok, f"galley {words}: {done.stdout}{done.stderr}"
        return done

    return galley


def read(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def test_the_story(platform: Platform, person: Callable[[str], Person], tmp_path: Path) -> None:
    dave, erin, frank = (
        galley_as(platform, person, tmp_path, n) for n in ("dave", "erin", "frank")
    )
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "cellar.py").write_text("def bottles(cases: int) -> int:\n    return 12 * cases\n")
    content = notebooks.notebook(
        "import mlflow\nfrom cellar import bottles",
        "print('bottles:', bottles(cases))\nmlflow.log_metric('bottles', bottles(cases))",
        parameters="cases: int = 2  # cases in stock",
    )
    file = notebooks.save(content, folder / "stock.ipynb")

    goal = ("--goal", "bottles", "--threshold", "20")
    published = read(dave("publish", str(file), "--name", "Stock", *goal, "--json"))
    assert (published["state"], published["number"]) == ("in_review", 1)
    assert published["evidence"]["metrics"] == {"bottles": 24}
    assert "is in review" in dave("publish", str(file), "--name", "Stock", *goal, ok=False).stderr

    assert "yours to decide" in dave("approve", "stock", ok=False).stderr
    assert [version["pipeline"] for version in read(erin("reviews", "--json"))] == ["stock"]
    assert "it waits for mle" in erin("approve", "stock", "--comment", "sound").stdout
    assert "approve-mle" in erin("approve", "stock", "--gate", "mle", ok=False).stderr
    assert read(frank("approve", "stock", "--json"))["live"] is True

    assert "expected a whole number" in dave("run", "stock", "-p", "cases", "many", ok=False).stderr
    assert "its parameters: cases" in dave("run", "stock", "-p", "case", "3", ok=False).stderr
    assert read(dave("runs", "--pipeline", "stock", "--kind", "pipeline", "--json")) == []
    run = read(dave("run", "stock", "-p", "cases", "3", "--follow", "--json"))
    assert (run["state"], run["metrics"], run["goal_met"]) == ("succeeded", {"bottles": 36}, True)
    assert "bottles: 36" in dave("logs", run["id"]).stdout

    content["cells"][-1]["source"] += "\nprint('second')"
    notebooks.save(content, file)
    assert read(dave("publish", str(file), "--name", "Stock", "--json"))["number"] == 2
    erin("approve", "stock")
    frank("approve", "stock@2")
    assert read(erin("pipelines", "--json"))[0]["live_version"] == 2
    assert "deploy" in dave("rollback", "stock@1", ok=False).stderr
    assert "v1 is live" in erin("rollback", "stock@1", "--reason", "second thoughts").stdout

    content["cells"][-1]["source"] += "\nprint('third')"
    notebooks.save(content, file)
    dave("publish", str(file), "--name", "Stock")
    assert "rejected as lead" in erin("reject", "stock", "--comment", "why a third?").stdout

    exported = tmp_path / "exported"
    dave("export", "stock", str(exported))
    assert "not empty" in dave("export", "stock", str(exported), ok=False).stderr
    build_without_galley(exported)
    assert "bottles: 24" in (exported / "products" / "stock.ipynb").read_text()


def build_without_galley(folder: Path) -> None:
    """Run `ploomber build` in a process where importing galley is an error."""
    blocker = write_blocker(folder / "blocker")
    environment = os.environ | {
        "PYTHONPATH": str(blocker),
        "PLOOMBER_STATS_ENABLED": "false",
        "PLOOMBER_VERSION_CHECK_DISABLED": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
    }
    done = subprocess.run(
        [str(BIN / "ploomber"), "build"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_schedules_by_command_line(
    platform: Platform, person: Callable[[str], Person], tmp_path: Path
) -> None:
    dave, erin, frank = (
        galley_as(platform, person, tmp_path, n) for n in ("dave", "erin", "frank")
    )
    file = notebooks.save(notebooks.notebook("print('tick')"), tmp_path / "ticks.ipynb")
    publish = ("publish", str(file), "--name", "Ticks", "--cron", "30 2 * * *", "--timezone")
    assert "schedule.timezone" in dave(*publish, "Europe/Berlim", ok=False).stderr
    assert "schedule.cron" in dave("publish", str(file), "--cron", "0 0 31 2 *", ok=False).stderr
    dave(*publish, "Europe/Berlin")
    erin("approve", "ticks")
    frank("approve", "ticks")
    firings = read(dave("schedule", "next", "ticks", "-n", "3", "--json"))
    assert ["T02:30" in firing["local"] for firing in firings] == [True] * 3
    dave("schedule", "pause", "ticks")
    assert "paused already" in dave("schedule", "pause", "ticks", ok=False).stderr
    assert "no firings to come" in dave("schedule", "next", "ticks").stdout
    assert "is on again" in dave("schedule", "resume", "ticks").stdout


def test_a_notebook_that_needs_a_password(
    platform: Platform, person: Callable[[str], Person], tmp_path: Path
) -> None:
    paula = galley_as(platform, person, tmp_path, "paula", "playground")
    content = notebooks.notebook(
        "import galley, os\npassword = galley.secret('cellar-key')\n"
        "print('signed in with', password, len(password), os.environ['CELLAR'] == password)"
    )
    content["metadata"]["galley"] = {"secrets": {"CELLAR": "cellar-key"}}
    file = notebooks.save(content, tmp_path / "cellar.ipynb")
    values = {"tenant": "tr0ub4dor & 3", "own": "correct horse"}
    refused = paula("publish", str(file), "--name", "Cellar", ok=False).stderr
    assert "galley secret set cellar-key --tenant playground" in refused
    paula("secret", "set", "cellar-key", typed=values["tenant"])
    paula("secret", "set", "cellar-key", "--personal", typed=values["own"])
    published = read(paula("publish", str(file), "--name", "Cellar", "--json"))
    assert published["live"] is True
    rehearsed = paula("logs", published["rehearsal_run"]).stdout
    assert "signed in with [secret cellar-key] 13 True" in rehearsed
    paula("secret", "set", "cellar-key", typed=values["tenant"] + " and more")
    run = read(paula("run", "cellar", "--follow", "--json"))
    assert run["state"] == "succeeded"
    assert "signed in with [secret cellar-key] 22 True" in paula("logs", run["id"]).stdout
    listed = read(paula("secret", "list", "--json"))
    assert {(one["personal"], one["last_used_by"]) for one in listed} == {
        (False, "cellar v1"),
        (True, "cellar v1"),
    }
    kept = [path for path in platform.home.rglob("*") if path.is_file()]
    assert (platform.home / "secrets" / "secret-keys") in kept
    holding = [
        path for path in kept if any(one.encode() in path.read_bytes() for one in values.values())
    ]
    assert holding == []


def test_a_backup_taken_while_it_runs_starts_elsewhere_with_everything(
    platform: Platform, person: Callable[[str], Person], tmp_path: Path
) -> None:
    paula = person("paula")
    content = notebooks.notebook("import mlflow\nmlflow.log_metric('kept', 7)")
    version = paula.post(
        "/tenants/playground/pipelines/kept/versions", {"notebook": content, "name": "Kept"}
    ).json()
    until(
        lambda: paula.get(f"/versions/{version['id']}").json()["live"] or None,
        "the version going live",
    )
    command = [sys.executable, "-m", "galley.cli"]
    file, home = tmp_path / "state.tar.gz", tmp_path / "home"
    subprocess.run([*command, "backup", str(file), "--home", str(platform.home)], check=True)
    subprocess.run([*command, "restore", str(file), "--home", str(home)], check=True)
    restored = platforms.start(home)
    try:
        again = Person(restored, "paula", platform.passwords["paula"])
        assert again.get("/tenants/playground/pipelines/kept").json()["live_version"] == 1
        notebook = again.get(f"/versions/{version['id']}/notebook").json()
        assert notebook["cells"][-1]["source"] == content["cells"][-1]["source"]
        run = again.get(f"/runs/{version['rehearsal_run']}").json()
        tracked = run["attempts"][0]["tasks"][0]["mlflow_run_id"]
        metrics = again.http.get(
            "/services/mlflow/playground/api/2.0/mlflow/runs/get",
            params={"run_id": tracked},
            headers={"Authorization": f"Bearer {again.token('look at MLflow')}"},
        ).json()["run"]["data"]["metrics"]
        assert [(metric["key"], metric["value"]) for metric in metrics] == [("kept", 7)]
        again.close()
    finally:
        restored.stop()
