from __future__ import annotations

import pytest
from galley.domain.split import Fragment
from galley.errors import InvalidInput
from galley.project.build import ProjectFacts, build_project
from galley.project.limited import build_limited, check_plan_limited

from .builders import analysed, cell, notebook
from .test_split import MADE, PLAN

HOSTILE = notebook(cell("x = " + "(" * 50_000 + ")" * 50_000))


def test_the_same_files_as_in_this_process() -> None:
    analysis, facts = analysed(MADE), ProjectFacts(name="Numbers")
    made = build_limited(
        MADE,
        {},
        analysis,
        slug="my-pipe",
        tenant="oncology",
        defaults={"n": 5},
        facts=facts,
        plan=PLAN,
        lock="# locked\n",
    )
    assert made == build_project(
        MADE,
        {},
        analysis,
        slug="my-pipe",
        tenant="oncology",
        defaults={"n": 5},
        facts=facts,
        plan=PLAN,
        lock="# locked\n",
    )


def test_a_plan_is_checked() -> None:
    check_plan_limited(MADE, analysed(MADE), PLAN)
    forged = PLAN.tasks[0].model_copy(
        update={"fragments": (Fragment(cell=2, line=1, source="import os"),)}
    )
    with pytest.raises(InvalidInput, match="with another text"):
        check_plan_limited(
            MADE, analysed(MADE), PLAN.model_copy(update={"tasks": (forged, *PLAN.tasks[1:])})
        )


def test_hostile_source_dies_elsewhere() -> None:
    fragment = Fragment(cell=0, line=1, source=HOSTILE["cells"][0]["source"])
    task = PLAN.tasks[0].model_copy(update={"cells": (), "fragments": (fragment,)})
    with pytest.raises(InvalidInput):
        check_plan_limited(HOSTILE, analysed(MADE), PLAN.model_copy(update={"tasks": (task,)}))
