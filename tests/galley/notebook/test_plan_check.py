from __future__ import annotations

from collections.abc import Callable

import pytest
from galley.domain.parameters import ParameterSchema
from galley.domain.split import Fragment, Load, PlannedTask, Save, SplitPlan, SplitSource
from galley.errors import InvalidInput
from galley.notebook.plan_check import check_plan
from galley.notebook.source import Cell, read_cells

SOURCES = (
    "import math\nimport json",
    "n = 3",
    "def area(r):\n    return math.pi * r**2",
    "a = area(n)",
    "print(a)",
)
SCHEMA = ParameterSchema(properties={"n": {"type": "integer", "default": 3}}, cell=1)


def cells() -> tuple[Cell, ...]:
    return read_cells(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {},
            "cells": [
                {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}
                for source in SOURCES
            ],
        }
    )


IMPORT = Fragment(cell=0, line=1, source="import math", names=("math",))
AREA = Fragment(cell=2, line=1, source=SOURCES[2], names=("area",))
COMPUTE = PlannedTask(
    name="compute",
    cells=(3,),
    fragments=(IMPORT, AREA),
    parameters=("n",),
    saves=(Save(names=("a",)),),
)
REPORT = PlannedTask(
    name="report", cells=(4,), upstream=("compute",), loads=(Load(task="compute", names=("a",)),)
)


def plan(*tasks: PlannedTask) -> SplitPlan:
    return SplitPlan(source=SplitSource.HEADINGS, tasks=tasks)


def test_a_plan_that_only_rearranges() -> None:
    check_plan(cells(), SCHEMA, plan(COMPUTE, REPORT))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda t: t.model_copy(update={"fragments": (*t.fragments, fragment("import os"))}),
            "task 'compute' repeats cell 1, line 1, with another text",
        ),
        (
            lambda t: t.model_copy(update={"fragments": (inner(),)}),
            "line 2, which is not the beginning of a statement",
        ),
        (
            lambda t: t.model_copy(update={"fragments": (IMPORT.model_copy(update={"cell": 9}),)}),
            "repeats cell 10, line 1, which is not there",
        ),
        (lambda t: t.model_copy(update={"cells": (3, 3)}), "each cell once"),
        (lambda t: t.model_copy(update={"cells": (99,)}), "each cell once"),
        (lambda t: t.model_copy(update={"name": "report"}), "two tasks have the same name"),
        (lambda t: t.model_copy(update={"name": "a b"}), "'a b' cannot be a name"),
        (lambda t: t.model_copy(update={"parameters": ("m",)}), "the parameter 'm'"),
        (lambda t: t.model_copy(update={"upstream": ("report",)}), "waits for 'report'"),
        (
            lambda t: t.model_copy(update={"saves": (Save(names=("a); evil(",)),)}),
            "'a); evil(' cannot be a name",
        ),
    ],
)
def test_what_reviewers_did_not_see(change: Callable[[PlannedTask], PlannedTask], why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_plan(cells(), SCHEMA, plan(change(COMPUTE), REPORT))
    assert why in refused.value.detail


def test_a_cell_that_no_task_runs() -> None:
    lost = REPORT.model_copy(update={"cells": ()})
    with pytest.raises(InvalidInput, match="no task runs cell 5"):
        check_plan(cells(), SCHEMA, plan(COMPUTE, lost))


def test_loading_from_a_task_that_is_not_waited_for() -> None:
    early = REPORT.model_copy(update={"upstream": ()})
    with pytest.raises(InvalidInput, match="does not wait for"):
        check_plan(cells(), SCHEMA, plan(COMPUTE, early))


def fragment(source: str) -> Fragment:
    return Fragment(cell=0, line=1, source=source)


def inner() -> Fragment:
    return Fragment(cell=2, line=2, source="    return math.pi * r**2")
