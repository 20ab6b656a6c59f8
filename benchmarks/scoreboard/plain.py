"""Runs notebooks and the tasks of a split in the oracle's plain IPython, each in a process."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from scoreboard import isolate

TRACE = Path(__file__).with_name("trace.py")


def run(
    cells: list[tuple[int, str, bool]], *, folder: Path, trace: bool, timeout_s: float
) -> dict[str, Any]:
    """Run code cells in ``folder`` and return the oracle's answer.

    ``error`` in it is None, or says why the run did not reach its end.
    """
    with tempfile.TemporaryDirectory(prefix="oracle-") as name:
        request, output = Path(name, "request.json"), Path(name, "answer.json")
        request.write_text(
            json.dumps({"cells": cells, "output": str(output), "trace": trace, "cwd": str(folder)})
        )
        done = isolate.run(
            [sys.executable, str(TRACE), str(request)], cwd=folder, timeout_s=timeout_s
        )
        answer: dict[str, Any] = {"cells": [], "reads": [], "ended": False}
        if output.exists():
            answer = json.loads(output.read_text())
    reached = {index for index, _error, _seconds in answer["cells"]}
    answer["unreached"] = [index for index, _source, _raises in cells if index not in reached]
    answer["seconds"] = done.seconds
    answer["error"] = None
    if not answer["ended"]:
        said = [error for _index, error, _seconds in answer["cells"] if error]
        if done.status is None:
            answer["error"] = f"Timeout: longer than {timeout_s:g} s"
        elif "final" in answer and said:
            answer["error"] = said[-1]
        else:
            answer["error"] = f"Died: exit status {done.status}: {done.text[-300:]}"
    return answer


def task_cells(notebook: Path) -> list[tuple[int, str, bool]]:
    """Return the code cells of a task's notebook."""
    cells = []
    for index, cell in enumerate(json.loads(notebook.read_text())["cells"]):
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        if cell["cell_type"] == "code" and source.strip():
            cells.append((index, source, "raises-exception" in cell["metadata"].get("tags", [])))
    return cells


def differing(
    plain: dict[str, Any],
    again: dict[str, Any],
    ends: dict[str, dict[str, str | None]],
    tasks: dict[int, str],
) -> tuple[int, list[str], list[str]]:
    """Return how many surviving values were compared, those that differ, those unstable.

    Args:
        plain, again: the oracle's answers of two plain runs.
        ends: task → name → digest at its end.
        tasks: cell → task; a value is looked for where it was last changed.
    """
    compared, different, unstable = 0, [], []
    for name, expected in plain["final"].items():
        writer = plain["writer"].get(name)
        if expected is None or writer not in tasks or plain["kinds"][name] == "module":
            continue
        if again["final"].get(name) != expected:
            unstable.append(name)
            continue
        task = tasks[writer]
        compared += 1
        if ends[task].get(name, "absent") not in (expected, None):
            different.append(f"{name} at the end of {task}")
    return compared, different, unstable
