"""Analysis, and comparing a session, in a process of its own with little memory and time."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from galley.domain.live import LiveState
from galley.domain.split import SplitLayout
from galley.domain.versions import Analysis, Check
from galley.notebook.analysis import analyse
from galley.notebook.installed import Installed, installed_here
from galley.notebook.limited_process import ReadingLimits, ask, serve
from galley.notebook.live import CleanRun, compare


def analyse_limited(
    notebook: dict[str, Any],
    modules: Mapping[str, str],
    *,
    installed: Installed | None = None,
    task: str = "notebook",
    layout: SplitLayout | None = None,
    limits: ReadingLimits | None = None,
) -> Analysis:
    """Return what reading a notebook tells; blocks meanwhile.

    Args:
        installed: default is the running environment.
        layout: which cells form which task, as the author arranged them.

    Raises:
        InvalidInput: as :func:`galley.notebook.analysis.analyse`, and when reading it takes more
            than ``limits``.
    """
    request = {
        "notebook": notebook,
        "modules": dict(modules),
        "installed": (installed or installed_here()).model_dump(mode="json"),
        "task": task,
        "layout": None if layout is None else layout.model_dump(mode="json"),
    }
    return Analysis.model_validate(_ask("analysis", request, limits))


def compare_limited(
    live: LiveState, clean: CleanRun, *, limits: ReadingLimits | None = None
) -> tuple[Check, ...]:
    """Return what a session has that a clean run has not; blocks meanwhile.

    Raises:
        InvalidInput: as :func:`galley.notebook.live.compare`, and when reading it takes more than
            ``limits``.
    """
    request = {
        "live": live.model_dump(mode="json"),
        "clean": TypeAdapter(CleanRun).dump_python(clean, mode="json"),
    }
    answer = _ask("comparison", request, limits)
    return TypeAdapter(tuple[Check, ...]).validate_python(answer)


def _analysis(request: dict[str, Any]) -> Any:
    installed = Installed.model_validate(request["installed"])
    wished = request["layout"]
    analysis = analyse(
        request["notebook"],
        request["modules"],
        installed,
        task=request["task"],
        layout=None if wished is None else SplitLayout.model_validate(wished),
    )
    return analysis.model_dump(mode="json")


def _comparison(request: dict[str, Any]) -> Any:
    live = LiveState.model_validate(request["live"])
    clean = TypeAdapter(CleanRun).validate_python(request["clean"])
    return [check.model_dump(mode="json") for check in compare(live, clean)]


def _ask(what: str, request: dict[str, Any], limits: ReadingLimits | None) -> Any:
    return ask("galley.notebook.limited", what, request, limits or ReadingLimits())


def warm_up() -> None:
    """Read what needs most of the code: what is read first takes twice as long as what follows."""
    source = Path(statistics.__file__).read_text(encoding="utf-8")
    sources = [ast.get_source_segment(source, one) or "" for one in ast.parse(source).body]
    code: dict[str, Any] = {"cell_type": "code", "outputs": [], "execution_count": None}
    cells: list[dict[str, Any]] = [
        {**code, "metadata": {"tags": ["parameters"]}, "source": "n: int = 3  # of them"},
        {**code, "metadata": {}, "source": "%matplotlib inline\nx = [n]\nx[0] = !ls"},
        {"cell_type": "markdown", "metadata": {}, "source": "# Statistics"},
        *({**code, "metadata": {}, "source": one} for one in sources),
    ]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    analyse(notebook, {}, Installed(modules={}))


if __name__ == "__main__":
    serve({"analysis": _analysis, "comparison": _comparison}, warm_up)
