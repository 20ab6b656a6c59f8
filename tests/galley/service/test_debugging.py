from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import galley
import nbformat
import pytest
from galley.client.debugging import Workbench
from galley.domain.debug import DebugKit
from galley.errors import Conflict, InvalidInput
from galley.service import API

from tests.galley.service.platform import Platform, notebook, running_platform

OWN = "ada's own value"
ERROR = {
    "task": "daily_report",
    "cell": 2,
    "ename": "ValueError",
    "evalue": "bad",
    "message": "cell 3: ValueError: bad",
}

MADE_HERE = {"digest": "e" * 64, "python": f"{sys.version_info.major}.{sys.version_info.minor}"}


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebugKit]:
    """The kit of a run with alpha = 7 whose last cell failed."""
    with running_platform(tmp_path_factory.mktemp("home")) as platform:
        yield DebugKit.model_validate(failed(platform))


def failed(platform: Platform, **outcome: Any) -> dict[str, Any]:
    platform.approved()
    path = "/tenants/oncology/pipelines/daily-report/runs"
    run = platform.post(path, {"parameters": {"alpha": 7}}).json()["id"]
    platform.run_through("oncology", state="failed", failure_class="user", error=ERROR, **outcome)
    answer = platform.get(f"/runs/{run}/attempts/1/debug")
    assert answer.status_code == 200, answer.text
    assert platform.get(f"/runs/{run}/attempts/2/debug").status_code == 404
    assert platform.get(f"/runs/{run}/attempts/1/debug", task="other").status_code == 404
    assert platform.get(f"/runs/{run}/attempts/1/debug", "carl").status_code == 404
    return dict(answer.json())


def test_the_notebook_has_the_runs_values_and_marks_the_failed_cell(kit: DebugKit) -> None:
    notebook = kit.notebook
    nbformat.validate(nbformat.from_dict(notebook))
    sources = [cell["source"] for cell in notebook["cells"]]
    assert sources[0].startswith("# Debugging: Daily report v1")
    assert "cell 3: ValueError: bad" in sources[0]
    assert sources[2:] == ["alpha = 1", "# The values of the run.\nalpha = 7", "x = alpha + 1"]
    assert kit.failed == 4
    marked = notebook["cells"][4]
    assert marked["metadata"]["tags"] == ["galley-failed"]
    assert all(not cell.get("outputs") for cell in notebook["cells"])


def test_running_it_fails_where_the_run_failed_or_shows_that_it_does_not(kit: DebugKit) -> None:
    space: dict[str, Any] = {}
    for cell in kit.notebook["cells"][: (kit.failed or 0) + 1]:
        if cell["cell_type"] == "code":
            exec(cell["source"], space)
    assert (space["alpha"], space["x"]) == (7, 8)


@pytest.mark.parametrize("language", ["python", "R"])
def test_who_debugs_has_their_own_values_of_its_secrets_and_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    code = 'import galley\nx = galley.secret("mail")' if language == "python" else "x <- alpha"
    document = notebook(code)
    document["metadata"]["galley"] = {"secrets": {"DB_PASSWORD": "warehouse"}}
    if language != "python":
        document["metadata"]["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}
    with running_platform(tmp_path / "home") as platform:
        for place in ("secrets", "personal-secrets"):
            for name in ("mail", "warehouse"):
                user = "olga" if place == "secrets" else "ada"
                path = f"{API}/tenants/oncology/{place}/{name}"
                headers = platform.as_user(user)
                given = platform.client.put(path, headers=headers, json={"value": OWN})
                assert given.status_code == 200, given.text
        platform.publish("r", notebook=document)
        run = platform.run_through("oncology", "ada", "failed", error=ERROR).run
        kit = DebugKit.model_validate(platform.get(f"/runs/{run}/attempts/1/debug").json())
    nbformat.validate(nbformat.from_dict(kit.notebook))
    assert OWN not in json.dumps(kit.notebook)
    assert kit.notebook["metadata"]["galley"]["secrets"] == {"DB_PASSWORD": "warehouse"}
    (told,) = [one for one in kit.missing if "secrets:" in one]
    assert "your own personal values, never the tenant's" in told
    assert "galley secret set NAME --personal --tenant oncology" in told
    sources = {cell["id"]: cell["source"] for cell in kit.notebook["cells"]}
    if language != "python":
        assert "galley-secrets" not in sources
        assert any(
            "DB_PASSWORD, which hold secrets, are not set here" in one for one in kit.missing
        )
        return
    assert "'mail', 'warehouse'" in told
    assert [*sources][1] == "galley-secrets", "what the cells below it need is there before them"
    assert kit.notebook["cells"][kit.failed or 0]["source"] == code
    monkeypatch.setattr(galley, "secret", lambda name: f"{OWN} of {name}")
    monkeypatch.setenv("DB_PASSWORD", "")
    space: dict[str, Any] = {}
    exec(sources["galley-secrets"], space)
    assert os.environ["DB_PASSWORD"] == f"{OWN} of warehouse"
    assert space.keys() == {"__builtins__"}, "it brings the notebook no name that the run had not"


def bench(root: Path, **installed: str) -> Workbench:
    return Workbench(root, {"HOME": str(root / "home")}, installed=lambda: installed)


def test_what_is_there_is_not_written_over_unasked(kit: DebugKit, tmp_path: Path) -> None:
    desk = bench(tmp_path)
    plan = desk.plan(kit)
    assert (plan.exists, plan.written) == (False, False)
    assert not any(tmp_path.iterdir()), "planning writes nothing"
    assert plan.folder == f"debug/{kit.run}-daily_report"
    assert desk.write(kit).written
    notebook = tmp_path / plan.notebook
    notebook.write_text("my own work")
    (notebook.parent / "mine.txt").write_text("too")
    with pytest.raises(Conflict, match="is there already"):
        desk.write(kit)
    assert notebook.read_text() == "my own work"
    assert desk.plan(kit).exists
    desk.write(kit, replace=True)
    assert json.loads(notebook.read_text())["cells"]
    assert (notebook.parent / "mine.txt").exists()


@pytest.mark.parametrize("task", ["x/../../.ipython/startup", "/etc/x", "a/b", "..", "a/.."])
def test_whatever_a_task_is_called_its_folder_is_one_below(
    kit: DebugKit, tmp_path: Path, task: str
) -> None:
    home = tmp_path / "some" / "home"
    plan = bench(home).plan(kit)
    assert bench(home).write(kit.model_copy(update={"task": task})).written
    (notebook,) = tmp_path.rglob("*.ipynb")
    assert notebook.name == Path(plan.notebook).name
    assert notebook.parents[1] == home / "debug"
    assert notebook.parent.name.startswith(f"{kit.run}-")


def test_differing_packages_are_named_one_by_one(kit: DebugKit, tmp_path: Path) -> None:
    packages = {"pandas": "2.2.0", "numpy": "2.4", "gone": "1"}
    lock = kit.lock.model_copy(update={**MADE_HERE, "packages": packages})
    changed = kit.model_copy(update={"lock": lock})
    plan = bench(tmp_path, pandas="3.1", numpy="2.4").plan(changed)
    assert not plan.same_environment
    assert [(one.name, one.run, one.here) for one in plan.differences] == [
        ("gone", "1", None),
        ("pandas", "2.2.0", "3.1"),
    ]
    assert plan.can_make
    other = changed.model_copy(update={"lock": lock.model_copy(update={"python": "3.99"})})
    assert not bench(tmp_path).plan(other).can_make, "an environment has the Python that is here"


def test_the_runs_own_environment_becomes_a_kernel_where_one_has_it(
    kit: DebugKit, tmp_path: Path
) -> None:
    lock = kit.lock.model_copy(
        update={"digest": "d" * 64, "of_platform": False, "packages": {"gone": "1"}}
    )
    changed = kit.model_copy(update={"lock": lock})
    environments = tmp_path / "environments"
    python = environments / "made" / ("d" * 64) / "bin" / "python"  # as a rehearsal leaves it
    python.parent.mkdir(parents=True)
    python.touch()
    desk = Workbench(
        tmp_path / "home",
        {"GALLEY_ENVIRONMENTS": str(environments)},
        kernels=tmp_path / "kernels",
        installed=dict,
    )
    plan = desk.write(changed)
    assert plan.same_environment
    assert plan.differences == ()
    assert not plan.can_make
    spec = json.loads((tmp_path / "kernels" / plan.kernel / "kernel.json").read_text())
    assert spec["argv"][0] == str(python)
    assert spec["env"]["VIRTUAL_ENV"] == str(python.parent.parent)
    notebook = json.loads((tmp_path / "home" / plan.notebook).read_text())
    assert notebook["metadata"]["kernelspec"]["name"] == plan.kernel == f"galley-{'d' * 16}"


def test_an_environment_that_one_has_made_oneself_serves_too(kit: DebugKit, tmp_path: Path) -> None:
    lock = kit.lock.model_copy(update={**MADE_HERE, "packages": {"gone": "1"}})
    changed = kit.model_copy(update={"lock": lock})
    desk = Workbench(
        tmp_path / "work",
        {"HOME": str(tmp_path / "home")},
        kernels=tmp_path / "kernels",
        installed=dict,
    )
    assert desk.plan(changed).can_make
    before = desk.write(changed)
    assert (before.kernel, before.same_environment) == ("python3", False)
    notebook = tmp_path / "work" / before.notebook
    document = json.loads(notebook.read_text())
    document["cells"].append({"cell_type": "markdown", "source": "mine", "metadata": {}})
    notebook.write_text(json.dumps(document))
    python = tmp_path / "home" / ".cache" / "galley" / "made" / ("e" * 64) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    plan = desk.use_environment(changed)
    assert (plan.same_environment, plan.can_make) == (True, False)
    assert (python.parents[1] / ".last-used").exists(), "it is in use, so that it is kept"
    document = json.loads(notebook.read_text())
    assert document["metadata"]["kernelspec"]["name"] == plan.kernel != "python3"
    assert document["cells"][-1]["source"] == "mine", "what was done in it stays"
    assert (tmp_path / "kernels" / plan.kernel / "kernel.json").exists()
    without = bench(tmp_path).plan(changed)
    assert not without.same_environment, "nothing would start it"


def test_data_that_cannot_be_read_here_is_named(kit: DebugKit, tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.touch()
    files = [
        {"path": path, "mode": "read", "cell": 1, "line": 1}
        for path in (str(there), "/datasets/tumours/a.csv", "/nowhere/b.csv", "beside.csv", None)
    ]
    datasets = [{"name": "tumours", "path": "/datasets/tumours", "mode": "ro"}]
    fields = {**kit.model_dump(mode="json"), "files": files, "datasets": datasets}
    desk = Workbench(tmp_path, {"GALLEY_DATASETS": str(tmp_path / "none")})
    found = desk.plan(DebugKit.model_validate(fields)).unreadable
    assert [one.path for one in found] == ["/datasets/tumours", "/nowhere/b.csv"]
    assert "'tumours' is not readable here" in found[0].why


def test_a_module_cannot_be_written_outside_the_folder(kit: DebugKit, tmp_path: Path) -> None:
    changed = kit.model_copy(update={"modules": {"../escaped.py": ""}})
    with pytest.raises(InvalidInput, match="leads out"):
        bench(tmp_path).write(changed)
    assert not list(tmp_path.rglob("*.py"))
