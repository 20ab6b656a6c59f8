"""What two runs have in common and what not."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from galley.domain.comparison import (
    ComparedMetric,
    ComparedOutput,
    ComparedPackage,
    ComparedTime,
    ComparedValue,
    RunComparison,
)
from galley.domain.runs import Run, TaskTry
from galley.errors import NotFound
from galley.service.comparing import locked_packages
from galley.service.context import Context
from galley.service.rendering import MOST_SHOWN
from galley.store import runs, versions

_OF_A_RUN = frozenset({"execution_count", "metadata"})
"""What an output says of how its cell was run, not of what it gave."""


class Executed(NamedTuple):
    """A cell of the published notebook as a run executed it."""

    task: str
    cell: dict[str, Any]


class Outputs(NamedTuple):
    """The executed cells of a run by their index in the published notebook, and what is missing."""

    cells: dict[int, Executed]
    notes: list[str]


def compare_runs(context: Context, left: Run, right: Run) -> RunComparison:
    """Return two runs side by side, each by its latest attempt."""
    before, after = executed_cells(context, left), executed_cells(context, right)
    same = left.version_id == right.version_id
    return RunComparison(
        left=left,
        right=right,
        same_version=same,
        parameters=_values(left.parameters, right.parameters),
        metrics=_metrics(left.metrics, right.metrics),
        tasks=_tasks(_tries(left), _tries(right)),
        cells=_cells(before.cells, after.cells),
        packages=() if same else _packages(_locked(context, left), _locked(context, right)),
        outputs=_outputs(before.cells, after.cells),
        notes=(*before.notes, *after.notes),
    )


def executed_cells(context: Context, run: Run) -> Outputs:
    """Return the cells that the latest attempt of a run executed."""
    cells: dict[int, Executed] = {}
    notes = []
    for task in _tries(run).values():
        if not task.notebook:
            continue
        key = context.store.read(partial(runs.notebook, run_id=run.id, task=task.name))
        document, note = _document(context, key, f"task {task.name!r} of run {run.id}")
        notes += [note] if note else []
        for cell in document.get("cells", ()):
            index = cell.get("metadata", {}).get("galley", {}).get("cell")
            if isinstance(index, int) and cell.get("cell_type") == "code":
                cells[index] = Executed(task.name, cell)
    return Outputs(cells, notes)


def shown_by(cells: Mapping[int, Executed], index: int) -> list[dict[str, Any]]:
    """Return what a cell showed, in its order; nothing where a run did not execute it."""
    outputs = cells[index].cell.get("outputs", ()) if index in cells else ()
    return [one for one in outputs if isinstance(one, dict)]


def show_the_same(left: Sequence[dict[str, Any]], right: Sequence[dict[str, Any]]) -> bool:
    """Whether the outputs of a cell are equal: text as it reads, all else as it is stored.

    Figures are not decoded: that is work of a notebook's choosing, and no work for the service.
    """
    return _content(left) == _content(right)


def _content(outputs: Sequence[dict[str, Any]]) -> list[Any]:
    """Return outputs without what differs in every run, and printed text in one piece."""
    streams: dict[str, str] = {}
    others = []
    for one in outputs:
        if one.get("output_type") == "stream":
            name = str(one.get("name"))
            streams[name] = streams.get(name, "") + _joined(one.get("text"))
        else:
            others.append({key: one[key] for key in one if key not in _OF_A_RUN})
    return [streams, others]


def _joined(text: Any) -> str:
    """Return a text that may be stored as a list of its lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _document(context: Context, key: str | None, what: str) -> tuple[dict[str, Any], str | None]:
    if key is None:
        return {}, None
    try:
        path = context.artifacts.path(key)
    except NotFound:
        return {}, f"The executed notebook of {what} is not kept any more."
    if path.stat().st_size > MOST_SHOWN:
        return {}, f"The executed notebook of {what} is too large to be compared."
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        return {}, f"The executed notebook of {what} cannot be read."
    return (document, None) if isinstance(document, dict) else ({}, None)


def _tries(run: Run) -> dict[str, TaskTry]:
    return {task.name: task for task in run.attempts[-1].tasks} if run.attempts else {}


def _values(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[ComparedValue, ...]:
    def text(values: Mapping[str, Any], name: str) -> str | None:
        return json.dumps(values[name], ensure_ascii=False) if name in values else None

    return tuple(
        ComparedValue(name=name, left=text(left, name), right=text(right, name))
        for name in _names(left, right)
    )


def _metrics(left: Mapping[str, float], right: Mapping[str, float]) -> tuple[ComparedMetric, ...]:
    def finite(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    return tuple(
        ComparedMetric(name=name, left=finite(left.get(name)), right=finite(right.get(name)))
        for name in _names(left, right)
    )


def _tasks(left: Mapping[str, TaskTry], right: Mapping[str, TaskTry]) -> tuple[ComparedTime, ...]:
    def took(task: TaskTry | None) -> float | None:
        if task is None or task.started_at is None or task.ended_at is None:
            return None
        return (task.ended_at - task.started_at).total_seconds()

    return tuple(
        ComparedTime(task=name, left=took(left.get(name)), right=took(right.get(name)))
        for name in _names(left, right)
    )


def _cells(left: Mapping[int, Executed], right: Mapping[int, Executed]) -> tuple[ComparedTime, ...]:
    def took(one: Executed | None) -> float | None:
        value = one and one.cell.get("metadata", {}).get("papermill", {}).get("duration")
        return float(value) if isinstance(value, int | float) else None

    return tuple(
        ComparedTime(
            task=(right.get(index) or left[index]).task,
            cell=index,
            left=took(left.get(index)),
            right=took(right.get(index)),
        )
        for index in sorted({*left, *right})
    )


def _outputs(
    left: Mapping[int, Executed], right: Mapping[int, Executed]
) -> tuple[ComparedOutput, ...]:
    found = []
    for index in sorted({*left, *right}):
        one, other = shown_by(left, index), shown_by(right, index)
        if one or other:
            found.append(
                ComparedOutput(
                    task=(right.get(index) or left[index]).task,
                    cell=index,
                    left=bool(one),
                    right=bool(other),
                    same=show_the_same(one, other),
                )
            )
    return tuple(found)


def _locked(context: Context, run: Run) -> dict[str, str]:
    version = context.store.read(lambda s: versions.get(s, run.version_id))
    return locked_packages(context, version)


def _packages(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[ComparedPackage, ...]:
    return tuple(
        ComparedPackage(name=name, left=left.get(name), right=right.get(name))
        for name in sorted({*left, *right})
        if left.get(name) != right.get(name)
    )


def _names(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*right, *left]))
