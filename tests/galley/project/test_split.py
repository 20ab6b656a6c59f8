from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from galley.domain.split import Fragment, Load, PlannedTask, Save, SplitPlan, SplitSource
from galley.notebook.plan_check import check_plan
from galley.notebook.source import read_cells
from galley.project.archive import export
from galley.project.build import published_cell
from galley.project.folder import Target
from galley.project.manifest import manifest

from .builders import analysed, cell, notebook, project
from .test_build import ploomber

PARAMETERS = """\
from typing import Literal

n: int = 3  # how many
# how they are added up
how: Literal["sum", "product"] = "sum"
unused = 1.5
"""
MADE = notebook(
    cell("# Numbers", kind="markdown"),
    cell(PARAMETERS, "parameters"),
    cell("import math\nimport random\n\n\ndef double(x):\n    return 2 * x\n\n\nLIMIT = 10"),
    cell("## Draw", kind="markdown"),
    cell("random.seed(7)\nnumbers = [random.randint(0, LIMIT) for _ in range(n)]\nsame = numbers"),
    cell("## Double", kind="markdown"),
    cell("doubled = [double(one) for one in numbers]"),
    cell("## Add", kind="markdown"),
    cell("total = (sum if how == 'sum' else math.prod)(numbers)\nsame.append(random.random())"),
    cell("## Report", kind="markdown"),
    cell("print(doubled, total, numbers is same)"),
)
DOUBLE = Fragment(cell=2, line=5, source="def double(x):\n    return 2 * x", names=("double",))
PLAN = SplitPlan(
    source=SplitSource.HEADINGS,
    tasks=(
        PlannedTask(
            name="draw",
            title="Draw",
            cells=(0, 3, 4),
            fragments=(
                Fragment(cell=2, line=2, source="import random", names=("random",)),
                Fragment(cell=2, line=9, source="LIMIT = 10", names=("LIMIT",)),
            ),
            parameters=("n",),
            saves=(Save(names=("numbers", "same")),),
            states=("random",),
        ),
        PlannedTask(
            name="double_",
            cells=(5, 6),
            upstream=("draw",),
            fragments=(DOUBLE,),
            loads=(Load(task="draw", names=("numbers",)),),
            saves=(Save(names=("doubled",)),),
        ),
        PlannedTask(
            name="add",
            cells=(7, 8),
            upstream=("draw",),
            fragments=(
                Fragment(cell=2, line=1, source="import math", names=("math",)),
                Fragment(cell=2, line=2, source="import random", names=("random",)),
            ),
            parameters=("how",),
            loads=(Load(task="draw", names=("numbers", "same")),),
            saves=(Save(names=("total",)), Save(names=("numbers", "same"))),
            states=("random",),
        ),
        PlannedTask(
            name="report",
            cells=(9, 10),
            upstream=("double_", "add"),
            loads=(
                Load(task="double_", names=("doubled",)),
                Load(task="add", names=("total", "numbers", "same")),
            ),
        ),
    ),
)
SPLIT = project(MADE, plan=PLAN)
HANDOVERS = {"steps.py": "import handover", "handover.py": "X = 1"}


def sources(task: str) -> dict[str, str]:
    """Return role or index → source of the cells of a task's notebook."""
    made = json.loads(SPLIT[f"tasks/{task}.ipynb"])
    return {
        str(one["metadata"]["galley"].get("role", published_cell(one))): one["source"]
        for one in made["cells"]
    }


def graph() -> dict[str, dict[str, Any]]:
    return {task["name"]: task for task in yaml.safe_load(SPLIT["pipeline.yaml"])["tasks"]}


def executed(folder: Path, task: str) -> str:
    """Return what the last cell of the author's printed."""
    made = nbformat.read(folder / "products" / f"{task}.ipynb", as_version=4)
    return "".join(
        output.text
        for one in made.cells
        if one.cell_type == "code"
        for output in one.outputs
        if output.output_type == "stream"
    )


def test_the_plan_of_these_tests_is_one_of_the_notebook() -> None:
    check_plan(read_cells(MADE), analysed(MADE).parameters, PLAN)


def test_a_task_reads_as_a_person_would_write_it() -> None:
    assert sources("draw") == {
        "setup": "import random\n\nLIMIT = 10",
        "parameters": "n: int = 3  # how many\nunused = 1.5",
        "0": "# Numbers",
        "3": "## Draw",
        "4": MADE["cells"][4]["source"],
        "save": "import handover\n\n"
        'handover.save("draw", together=[{"numbers": numbers, "same": same}], states=["random"])',
    }
    assert sources("add")["parameters"] == (
        "from typing import Literal\n\n"
        '# how they are added up\nhow: Literal["sum", "product"] = "sum"'
    )
    assert sources("add")["load"] == (
        "import handover\n\n"
        'numbers, same = handover.load("draw", "numbers", "same", states=["random"])'
    )
    assert sources("add")["save"] == (
        'handover.save("add", total=total, together=[{"numbers": numbers, "same": same}])'
    )
    assert sources("report")["load"] == (
        'import handover\n\ndoubled = handover.load("double_", "doubled")\n'
        'total, numbers, same = handover.load("add", "total", "numbers", "same")'
    )


def test_the_graph_names_upstream_products_and_the_parameters_that_are_used() -> None:
    tasks = graph()
    assert tasks["draw"]["product"] == {"nb": "products/draw.ipynb", "values": "products/draw"}
    assert tasks["report"]["product"] == "products/report.ipynb"
    assert {name: task.get("upstream") for name, task in tasks.items()} == {
        "draw": None,
        "double_": ["draw"],
        "add": ["draw"],
        "report": ["double_", "add"],
    }
    declared = {name: list(task["params"]) for name, task in tasks.items()}
    assert declared == {"draw": ["n", "unused"], "double_": [], "add": ["how"], "report": []}
    said = yaml.safe_load(SPLIT["galley.yaml"])["tasks"]
    assert said[1] == {"name": "double_", "upstream": ["draw"], "cells": [5, 6]}


def test_it_gives_what_the_notebook_gives_and_builds_only_what_changed(tmp_path: Path) -> None:
    export(SPLIT, tmp_path / "split")
    namespace: dict[str, Any] = {}
    for one in MADE["cells"]:
        if one["cell_type"] == "code" and "print" not in one["source"]:
            exec(one["source"], namespace)
    done = ploomber(tmp_path / "split")
    assert done.returncode == 0, done.stderr
    expected = f"{namespace['doubled']} {namespace['total']} True\n"
    assert executed(tmp_path / "split", "report") == expected

    changed = json.loads(SPLIT["tasks/double_.ipynb"])
    changed["cells"][-2]["source"] += "\nprint('changed')"
    (tmp_path / "split" / "tasks" / "double_.ipynb").write_text(json.dumps(changed))
    again = ploomber(tmp_path / "split")
    assert again.returncode == 0, again.stderr
    assert ran(again) == {"draw": False, "double_": True, "add": False, "report": True}

    Target(tmp_path / "split").write(SPLIT)
    third = ploomber(tmp_path / "split", "--env--how", "product")
    assert third.returncode == 0, third.stderr
    assert ran(third) == {"draw": False, "double_": True, "add": True, "report": True}
    Target(tmp_path / "split").write(SPLIT)
    fourth = ploomber(tmp_path / "split", "--env--how", "product")
    assert ran(fourth) == dict.fromkeys(graph(), False)


def ran(done: subprocess.CompletedProcess[str]) -> dict[str, bool]:
    """Return task → whether `ploomber build` ran it, as its table says."""
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[0]: row[1] == "True" for row in rows if row[:1] and row[0] in graph()}


@pytest.mark.parametrize(
    ("made", "modules", "expected"),
    [
        (MADE, {}, "handover"),
        (notebook(*MADE["cells"], cell("handover = 1")), {}, "handover2"),
        (notebook(*MADE["cells"], cell("import steps")), HANDOVERS, "handover2"),
    ],
)
def test_the_module_has_a_name_of_its_own(
    made: dict[str, Any], modules: dict[str, str], expected: str
) -> None:
    files = project(made, modules, plan=PLAN)
    assert b"def load(" in files[f"{expected}.py"]
    assert f'"source": "import {expected}\\n' in files["tasks/report.ipynb"].decode()


def test_ploomber_finds_the_notebooks_complete_and_leaves_them_as_they_are(tmp_path: Path) -> None:
    cells = [
        cell("# A", kind="markdown"),
        cell("n = 3", "parameters"),
        cell("# B", kind="markdown"),
    ]
    made = notebook(*cells, cell("upstream = 'mine'\nm = 4", "parameters"), cell("print(upstream)"))
    tasks = (
        PlannedTask(name="settings", cells=(0, 1)),
        PlannedTask(name="use", cells=(2, 3), saves=(Save(names=("upstream",)),)),
        PlannedTask(
            name="show",
            cells=(4,),
            upstream=("use",),
            loads=(Load(task="use", names=("upstream",)),),
        ),
    )
    files = project(made, plan=SplitPlan(source=SplitSource.HEADINGS, tasks=tasks))
    export(files, tmp_path / "split")
    done = ploomber(tmp_path / "split")
    assert done.returncode == 0, done.stderr
    assert executed(tmp_path / "split", "show") == "mine\n"
    for task in tasks:
        path = f"tasks/{task.name}.ipynb"
        assert (tmp_path / "split" / path).read_bytes() == files[path]


def test_one_task_is_what_it_always_was() -> None:
    one = SplitPlan(
        source=SplitSource.NONE, tasks=(PlannedTask(name="all", cells=tuple(range(11))),)
    )
    assert project(MADE, plan=one) == project(MADE)
    facts: dict[str, Any] = {
        "defaults": {},
        "profile": "small",
        "datasets": {},
        "timeout_s": 1,
        "retries": 0,
    }
    unsplit = manifest(MADE, {}, analysed(MADE), **facts)
    assert manifest(MADE, {}, analysed(MADE), **facts, plan=one) == unsplit
    assert manifest(MADE, {}, analysed(MADE), **facts, plan=PLAN) != unsplit
