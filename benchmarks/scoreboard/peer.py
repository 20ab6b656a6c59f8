"""Soorgeon on the same notebook: refactor, build with Ploomber, compare the surviving values.

It lives in an environment of its own (``--soorgeon PYTHON``); its pipelines are built by the
Ploomber of the benchmark's environment. A value counts as equal when any task ends with it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from scoreboard import isolate

BUILD = "from ploomber.spec import DAGSpec\nDAGSpec('pipeline.yaml').to_dag().build()\n"
ENDING = """
import importlib.util as _benchmark_util
_benchmark_spec = _benchmark_util.spec_from_file_location("_benchmark_values", {values!r})
_benchmark_values = _benchmark_util.module_from_spec(_benchmark_spec)
_benchmark_spec.loader.exec_module(_benchmark_values)
import json as _benchmark_json
with open({output!r}, "w") as _benchmark_file:
    _benchmark_json.dump(
        {{_n: _benchmark_values.digest(_v) for _n, _v in list(globals().items())
          if not _n.startswith("_")}},
        _benchmark_file,
    )
"""


def judge(
    python: Path,
    notebook: Path,
    plain: dict[str, Any],
    again: dict[str, Any] | None,
    timeout_s: float,
) -> dict[str, Any]:
    """Return what Soorgeon makes of a notebook, a working copy that may be written around.

    ``state``: ``failed`` (no pipeline), ``refactored`` (not run, as the notebook itself does not
    run to its end), ``breaks`` (the pipeline fails), ``differs`` or ``equal``.
    """
    folder = notebook.parent
    command = [str(python.with_name("soorgeon")), "refactor", notebook.name]
    done = isolate.run(command, cwd=folder, timeout_s=120)
    pipeline = folder / "pipeline.yaml"
    if done.status != 0 or not pipeline.exists():
        return {"state": "failed", "why": _last(done.text)}
    if again is None:
        return {"state": "refactored"}
    answers = folder / ".benchmark-answers"
    answers.mkdir()
    for task in sorted((folder / "tasks").glob("*.ipynb")):
        _append(task, answers / f"{task.stem}.json")
    built = isolate.run([sys.executable, "-c", BUILD], cwd=folder, timeout_s=timeout_s)
    if built.status != 0:
        return {"state": "breaks", "why": _last(built.text), "seconds": built.seconds}
    ends = [json.loads(file.read_text()) for file in sorted(answers.iterdir())]
    different = [
        name
        for name, expected in plain["final"].items()
        if expected is not None
        and plain["kinds"][name] == "value"
        and again["final"].get(name) == expected
        and (shown := [end[name] for end in ends if name in end])
        and expected not in shown
        and None not in shown
    ]
    state = "differs" if different else "equal"
    return {"state": state, "different": different, "seconds": built.seconds, "tasks": len(ends)}


def _append(task: Path, output: Path) -> None:
    document = json.loads(task.read_text())
    source = ENDING.format(values=str(Path(__file__).with_name("values.py")), output=str(output))
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
    }
    if document["nbformat_minor"] >= 5:
        cell["id"] = "benchmark"
    document["cells"].append({**cell, "source": source})
    task.write_text(json.dumps(document))


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip(" -=~\n")]
    return lines[-1][:200] if lines else ""
