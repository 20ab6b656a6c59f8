"""Two runs side by side. Include it before the routes of single runs: ``compare`` is no id."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from galley.domain.comparison import RunComparison
from galley.domain.runs import Run
from galley.errors import NotFound
from galley.service import rendering, side_by_side
from galley.service.callers import Caller
from galley.service.context import Context, InContext, TheCaller
from galley.service.rendering import Theme
from galley.service.routes.access import the_run
from galley.service.run_comparing import compare_runs, executed_cells
from galley.store import runs

router = APIRouter(tags=["runs"])
Right = Annotated[UUID, Query(description="The run that is looked at.")]
Left = Annotated[
    UUID | None,
    Query(description="What it is held against; default: the successful run before it."),
]


@router.get("/runs/compare")
def get_comparison(
    right: Right, caller: TheCaller, context: InContext, left: Left = None
) -> RunComparison:
    """Return two runs side by side."""
    return compare_runs(context, *_both(context, caller, left, right))


@router.get(
    "/runs/compare/outputs",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}},
)
def get_compared_outputs(
    right: Right,
    caller: TheCaller,
    context: InContext,
    left: Left = None,
    theme: Theme = Theme.LIGHT,
) -> Response:
    """Return the outputs of each cell of two runs, beside each other."""
    before, after = _both(context, caller, left, right)
    page = side_by_side.page(
        executed_cells(context, before),
        executed_cells(context, after),
        (_name(before), _name(after)),
        theme,
    )
    return Response(page, media_type="text/html", headers=rendering.HEADERS)


def _both(context: Context, caller: Caller, left: UUID | None, right: UUID) -> tuple[Run, Run]:
    after = the_run(context, caller, right)
    before = left or context.store.read(lambda s: runs.success_before(s, right))
    if before is None:
        raise NotFound(
            f"The pipeline {after.pipeline!r} has no successful run before {right}: say which run "
            "to compare it with.",
            field="left",
        )
    return the_run(context, caller, before), after


def _name(run: Run) -> str:
    return f"v{run.version}, {run.created_at:%Y-%m-%d %H:%M} UTC, {run.state}"
