"""Building a version's project in a process of its own: its notebook's source may be hostile."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from galley.domain.split import SplitPlan
from galley.domain.versions import Analysis
from galley.notebook.limited import warm_up
from galley.notebook.limited_process import ReadingLimits, ask, serve
from galley.notebook.plan_check import check_plan
from galley.notebook.source import read_cells
from galley.project.build import ProjectFacts, build_project


def check_plan_limited(notebook: dict[str, Any], analysis: Analysis, plan: SplitPlan) -> None:
    """Do nothing if ``plan`` only rearranges what the notebook holds.

    Raises:
        InvalidInput: as :func:`galley.notebook.plan_check.check_plan`, and when reading the
            notebook takes too much.
    """
    request = {
        "notebook": notebook,
        "analysis": analysis.model_dump(mode="json"),
        "plan": plan.model_dump(mode="json"),
    }
    ask("galley.project.limited", "check", request, ReadingLimits())


def build_limited(
    notebook: dict[str, Any],
    modules: Mapping[str, str],
    analysis: Analysis,
    *,
    slug: str,
    tenant: str,
    defaults: Mapping[str, Any],
    facts: ProjectFacts,
    plan: SplitPlan | None,
    lock: str | None,
) -> dict[str, bytes]:
    """Return the files of the project, path → content.

    Raises:
        InvalidInput: as :func:`galley.project.build.build_project`, and when reading the notebook
            takes too much.
    """
    request = {
        "notebook": notebook,
        "modules": dict(modules),
        "analysis": analysis.model_dump(mode="json"),
        "slug": slug,
        "tenant": tenant,
        "defaults": dict(defaults),
        "facts": facts.model_dump(mode="json"),
        "plan": None if plan is None else plan.model_dump(mode="json"),
        "lock": lock,
    }
    files = ask("galley.project.limited", "build", request, ReadingLimits())
    return {path: b64decode(content) for path, content in files.items()}


def _check(request: dict[str, Any]) -> None:
    analysis = Analysis.model_validate(request["analysis"])
    plan = SplitPlan.model_validate(request["plan"])
    check_plan(read_cells(request["notebook"]), analysis.parameters, plan)


def _build(request: dict[str, Any]) -> dict[str, str]:
    plan = request["plan"]
    files = build_project(
        request["notebook"],
        request["modules"],
        Analysis.model_validate(request["analysis"]),
        slug=request["slug"],
        tenant=request["tenant"],
        defaults=request["defaults"],
        facts=ProjectFacts.model_validate(request["facts"]),
        plan=None if plan is None else SplitPlan.model_validate(plan),
        lock=request["lock"],
    )
    return {path: b64encode(content).decode() for path, content in files.items()}


if __name__ == "__main__":
    serve({"check": _check, "build": _build}, warm_up)
