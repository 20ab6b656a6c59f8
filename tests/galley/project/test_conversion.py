"""A parameter that holds an object is set as text and seen as the object, split or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from galley.domain.split import PlannedTask, SplitPlan, SplitSource
from galley.project.archive import export

from .builders import analysed, cell, notebook, project
from .test_build import ploomber

PARAMETERS = """\
from datetime import date
from enum import Enum
from pathlib import Path


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


since = date(2026, 1, 1)
data: Path = Path("in", "x.csv")
colour: Colour = Colour.RED
rounds = 3
"""
MADE = notebook(
    cell(PARAMETERS, "parameters"),
    cell("seen = [since.isoformat(), data.suffix, colour.name, rounds]"),
    cell("open('seen.json', 'w').write(__import__('json').dumps([data.stem, colour.value]))"),
)
PLAN = SplitPlan(
    source=SplitSource.AUTHOR,
    tasks=(
        PlannedTask(name="first", cells=(0, 1), parameters=("since", "data", "colour", "rounds")),
        PlannedTask(name="second", cells=(2,), parameters=("data", "colour")),
    ),
)


def cells_of(files: dict[str, bytes], task: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(files[f"tasks/{task}.ipynb"])["cells"]
    return made


def conversions(files: dict[str, bytes], task: str) -> list[str]:
    return [
        one["source"]
        for one in cells_of(files, task)
        if one["metadata"]["galley"].get("added") == "conversion"
    ]


def test_a_cell_below_the_parameters_makes_objects_of_what_a_run_sets() -> None:
    (task,) = analysed(MADE).tasks
    files = project(MADE)
    (name,) = [path for path in files if path.startswith("tasks/")]
    made = cells_of(files, Path(name).stem)
    assert [one["metadata"]["galley"].get("cell") for one in made] == [0, None, 1, 2]
    assert made[1]["source"].splitlines()[1:] == [
        "since = date.fromisoformat(since) if isinstance(since, str) else since",
        "data = Path(data)",
        "colour = Colour(colour)",
    ]
    assert task.cells == (0, 1, 2)


def test_a_task_converts_the_parameters_that_it_declares() -> None:
    files = project(MADE, plan=PLAN)
    (first,), (second,) = conversions(files, "first"), conversions(files, "second")
    assert "since = " in first
    assert "since" not in second
    assert "colour = Colour(colour)" in second


def test_without_such_parameters_nothing_is_added() -> None:
    plain = notebook(cell("n = 3\npath = 'x'", "parameters"), cell("print(n)"))
    (name,) = [path for path in project(plain) if path.startswith("tasks/")]
    assert len(cells_of(project(plain), Path(name).stem)) == 2


@pytest.mark.integration
@pytest.mark.parametrize("plan", [None, PLAN])
def test_ploomber_runs_it_with_a_value_of_its_command_line(
    tmp_path: Path, plan: SplitPlan | None
) -> None:
    folder = tmp_path / "project"
    export(project(MADE, plan=plan), folder)
    done = ploomber(folder, "--env--colour", "blue", "--env--data", "other.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((folder / "seen.json").read_text()) == ["other", "blue"]


ABOVE, _, BELOW = PARAMETERS.partition("\n\nsince")
APART = notebook(
    cell(f"import os\n{ABOVE}"),
    cell(f"since{BELOW}", "parameters"),
    *MADE["cells"][1:],
)


def test_what_parameters_need_of_the_cells_above_comes_along() -> None:
    plan = SplitPlan(
        source=SplitSource.AUTHOR,
        tasks=(
            PlannedTask(name="first", cells=(0, 2), parameters=("since", "data", "colour")),
            PlannedTask(name="second", cells=(1, 3), parameters=("data", "colour")),
        ),
    )
    made = cells_of(project(APART, plan=plan), "first")
    (parameters,) = (one for one in made if one["metadata"]["galley"].get("role") == "parameters")
    space: dict[str, Any] = {}
    exec(parameters["source"], space)
    assert space["colour"].name == "RED"
    assert "import os" not in parameters["source"]
    assert parameters["source"].count("class Colour") == 1
