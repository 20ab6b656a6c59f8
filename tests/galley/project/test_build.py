from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from galley.errors import InvalidInput
from galley.project.archive import export
from galley.project.build import ProjectFacts, build_project, published_cell

from .blocker import write_blocker
from .builders import analysed, cell, notebook, project

PARAMETERS = """\
n: int = 3
rate: float = 1e-05
label: str = "{{ braces }} 'quotes' \\"double\\" [[ more ]]\\nnext"
digits = "3"
flags: list = [["a", "{{b}}"], None, True]
settings: dict = {"depth": {"max": "7"}}
path = "data/x.csv"
nothing: "str | None" = None
"""
BODY = """\
import json
from pathlib import Path

import helpers
from features import scale

names = ["n", "rate", "label", "digits", "flags", "settings", "path", "nothing"]
Path("seen.json").write_text(json.dumps({name: globals()[name] for name in names}))
print(helpers.greet(), scale.FACTOR)
"""
MODULES = {
    "helpers.py": "def greet():\n    return 'hello'\n",
    "features/__init__.py": "",
    "features/scale.py": "FACTOR = 2\n",
    "unused.py": "(",
}
MADE = notebook(cell("# A pipeline", kind="markdown"), cell(PARAMETERS, "parameters"), cell(BODY))


def ploomber(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``ploomber build`` where no Galley can be imported."""
    blocker = write_blocker(folder.parent / "no-galley")
    return subprocess.run(
        [Path(sys.executable).with_name("ploomber"), "build", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(blocker),
            "PLOOMBER_STATS_ENABLED": "false",
            "PLOOMBER_VERSION_CHECK_DISABLED": "1",
            "HOME": str(folder.parent),
        },
    )


@pytest.mark.integration
def test_ploomber_builds_it_without_galley(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    export(project(MADE, MODULES), folder)
    done = ploomber(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads((folder / "seen.json").read_text())
    assert seen == analysed(MADE, MODULES).parameters.defaults()
    executed = nbformat.read(folder / "products" / "my_pipe.ipynb", as_version=4)
    assert [published_cell(one) for one in executed.cells] == [0, 1, None, 2]
    assert executed.cells[3].outputs[0].text == "hello 2\n"


@pytest.mark.integration
def test_values_given_on_ploombers_command_line_keep_their_types(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    export(project(MADE, MODULES), folder)
    given = {
        "n": "7",
        "rate": "2",
        "label": 'it\'s {x} "q"\nnext',
        "digits": "'4'",
        "flags": "[1, 'a', None]",
        "settings": "{'depth': {'max': None}}",
        "path_": "/a//b",
        "nothing": "words",
    }
    arguments = [part for key, value in given.items() for part in (f"--env--{key}", value)]
    done = ploomber(folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "seen.json").read_text() == json.dumps(
        {
            "n": 7,
            "rate": 2.0,
            "label": 'it\'s {x} "q"\nnext',
            "digits": "4",
            "flags": [1, "a", None],
            "settings": {"depth": {"max": None}},
            "path": "/a//b",
            "nothing": "words",
        }
    )


def test_its_files() -> None:
    files = project(MADE, MODULES)
    assert list(files) == [
        "env.yaml",
        "features/__init__.py",
        "features/scale.py",
        "galley.yaml",
        "helpers.py",
        "pipeline.yaml",
        "requirements.lock",
        "tasks/my_pipe.ipynb",
    ]
    spec = yaml.safe_load(files["pipeline.yaml"])
    (task,) = spec["tasks"]
    assert task["product"] == "products/my_pipe.ipynb"
    assert list(task["params"]) == list(analysed(MADE).parameters.properties)


def test_the_same_input_is_the_same_bytes() -> None:
    assert project(MADE, MODULES) == project(MADE, dict(reversed(MODULES.items())))


def test_the_task_notebook_is_clean_and_points_back() -> None:
    text = project(MADE, MODULES)["tasks/my_pipe.ipynb"].decode()
    made = nbformat.reads(text, as_version=4)
    nbformat.validate(made)
    assert made.metadata.kernelspec.name == "python3"
    assert "widgets" not in made.metadata
    assert [published_cell(one) for one in made.cells] == [0, 1, 2]
    assert [one.source for one in made.cells] == [one["source"] for one in MADE["cells"]]
    assert made.cells[1].metadata.tags == ["parameters"]
    assert "ExecuteTime" not in text
    assert "seen" not in "".join(str(one.get("outputs")) for one in made.cells)
    assert all(one.execution_count is None for one in made.cells[1:])


def test_attachments_of_markdown_are_kept() -> None:
    image = {"plot.png": {"image/png": "aGk="}}
    made = notebook(cell("![](attachment:plot.png)", kind="markdown", attachments=image), cell("1"))
    task = json.loads(project(made)["tasks/my_pipe.ipynb"])
    assert task["cells"][0]["attachments"] == image


def test_requirements_are_pinned() -> None:
    made = notebook(cell("import numpy, json"))
    assert project(made)["requirements.lock"].decode().splitlines()[1:] == ["numpy==2.4.0"]


def test_defaults_of_the_publisher_replace_the_notebooks() -> None:
    made = notebook(cell("n: float = 3", "parameters"), cell("n"))
    files = project(made, defaults={"n": 4})
    assert yaml.safe_load(files["env.yaml"]) == {"n": 4.0}
    assert yaml.safe_load(files["galley.yaml"])["defaults"] == {"n": 4.0}
    with pytest.raises(InvalidInput, match="'m' is not a parameter"):
        project(made, defaults={"m": 4})


def test_galley_yaml_says_where_it_comes_from() -> None:
    facts = ProjectFacts(
        version=3, digest="d" * 64, name="Churn", author="ada", datasets={"sales": "ro"}
    )
    said = yaml.safe_load(project(MADE, MODULES, facts=facts)["galley.yaml"])
    assert said["format"] == 1
    assert (said["tenant"], said["pipeline"], said["version"]) == ("oncology", "my-pipe", 3)
    assert said["author"] == "ada"
    assert said["tasks"] == [{"name": "my_pipe", "upstream": [], "cells": [1, 2]}]
    assert said["modules"] == ["features", "features.scale", "helpers"]
    assert said["parameters"]["properties"]["n"] == {"type": "integer", "default": 3}


@pytest.mark.parametrize("name", ["product", "upstream"])
def test_names_that_ploomber_sets_are_refused(name: str) -> None:
    made = notebook(cell("n = 3", "parameters"), cell("n"))
    analysis = analysed(made)
    schema = analysis.parameters.model_copy(update={"properties": {name: {"type": "integer"}}})
    with pytest.raises(InvalidInput, match=f"'{name}'.*rename it") as caught:
        build_project(
            made,
            {},
            analysis.model_copy(update={"parameters": schema}),
            slug="my-pipe",
            tenant="oncology",
        )
    assert caught.value.field == f"parameters.{name}"


def test_a_notebook_that_is_run_in_the_place_of_a_task_is_refused() -> None:
    ran = json.dumps(notebook(cell("x = 1")))
    files = project(notebook(cell("%run tasks/other.ipynb")), {"tasks/other.ipynb": ran})
    assert json.loads(files["tasks/other.ipynb"])["cells"][0]["source"] == "x = 1"
    with pytest.raises(
        InvalidInput, match=r"'tasks/my_pipe\.ipynb', and the project has something"
    ):
        project(notebook(cell("%run tasks/my_pipe.ipynb")), {"tasks/my_pipe.ipynb": ran})
    for path in ("products/my_pipe.ipynb", "pipeline.yaml/x.py"):
        with pytest.raises(InvalidInput, match="something of its own there") as caught:
            project(notebook(cell(f"%run {path}")), {path: ran})
        assert caught.value.field == "modules"


def test_a_bad_slug_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not a valid name"):
        build_project(MADE, {}, analysed(MADE), slug="../x", tenant="oncology")


@pytest.mark.parametrize("module", ["build", "archive", "manifest", "environment"])
def test_no_ploomber_in_what_the_service_imports(module: str) -> None:
    source = f"import sys, galley.project.{module}; sys.exit('ploomber' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0
