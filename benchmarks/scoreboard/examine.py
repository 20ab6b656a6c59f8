"""Reads and builds one notebook with galley, in a child forked from a warm process.

So a notebook that kills its reader stops nothing, and the times are those of the reading alone:
no interpreter start, no imports.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galley.client.modules import Collected, collect_modules
from galley.domain.versions import Analysis
from galley.errors import PublicError
from galley.notebook.analysis import analyse
from galley.notebook.installed import Installed, installed_here
from galley.notebook.limited import analyse_limited, warm_up
from galley.notebook.source import parse, read_cells
from galley.notebook.split import plan_split
from galley.project.build import build_project

MEMORY = 4 * 2**30


class Reader:
    """Reads notebooks one after another; made once, as it warms itself up."""

    def __init__(self) -> None:
        self.installed: Installed = installed_here()
        warm_up()

    def read(self, path: Path, output: Path, timeout_s: float) -> dict[str, Any]:
        """Return what galley makes of a notebook; its project is written to ``output``."""
        return in_child(lambda: self._examine(path, output), timeout_s)

    def limited(self, path: Path) -> dict[str, Any]:
        """Return how long the limited subprocess takes for it, or why it refuses."""
        started = time.perf_counter()
        try:
            analyse_limited(json.loads(path.read_bytes()), {}, installed=self.installed)
        except PublicError as error:
            return {"seconds": time.perf_counter() - started, "refused": error.detail}
        except Exception as error:
            # The benchmark counts internal errors; it must survive any.
            said = traceback.format_exception(error)[-3:]
            return {"seconds": time.perf_counter() - started, "error": "".join(said)}
        return {"seconds": time.perf_counter() - started}

    def _examine(self, path: Path, output: Path) -> dict[str, Any]:
        times: list[tuple[float, float]] = []

        def timed(notebook: dict[str, Any], modules: dict[str, str]) -> Analysis:
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                return analyse(notebook, modules, self.installed)
            finally:
                times.append((time.perf_counter() - wall, time.process_time() - cpu))

        answer: dict[str, Any] = {"stage": "analysis"}
        try:
            collected = collect_modules(path, timed)
            answer["wall_s"], answer["cpu_s"] = times[0]
            analysis = collected.analysis
            answer["checks"] = [check.code for check in analysis.checks]
            answer["plan"] = analysis.split.model_dump(mode="json") if analysis.split else None
            answer["wished"] = _wished(collected, analysis)
            answer["stage"] = "build"
            files = build_project(
                collected.notebook,
                collected.modules,
                analysis,
                slug="judged",
                tenant="benchmark",
                plan=analysis.split,
            )
            for name, content in files.items():
                place = output / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            answer["stage"] = "project"
            _check(files)
            answer["stage"] = None
        except PublicError as error:
            answer["refused"] = error.detail
        except Exception as error:
            answer["error"] = "".join(traceback.format_exception(error)[-6:])
        return answer


def _wished(collected: Collected, analysis: Analysis) -> dict[str, Any] | None:
    """Return what reading says of the sections before any two of them are merged."""
    if analysis.split is None or analysis.split.wished is None:
        return None
    plan = plan_split(
        read_cells(collected.notebook),
        schema=analysis.parameters,
        modules=collected.modules,
        merged=False,
    )
    return plan.model_dump(mode="json")


def _check(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        if name.endswith(".ipynb"):
            for cell in json.loads(content)["cells"]:
                role = cell["metadata"].get("galley", {}).get("role")
                if cell["cell_type"] == "code" and role:
                    code = parse(cell["source"])
                    if code.error:
                        raise SyntaxError(f"{name}: {role} cell: {code.error[0]}: {cell['source']}")


def in_child(work: Callable[[], dict[str, Any]], timeout_s: float) -> dict[str, Any]:
    """Do the work in a forked child with limits; return its answer, or how it died."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            try:
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                Path(file.name).write_text(json.dumps(work()))
            finally:
                os._exit(0)
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.003)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return {"error": f"reading it took longer than {timeout_s:g} s", "stage": "analysis"}
        text = Path(file.name).read_text()
        if not text:
            return {"error": f"the reading process died: status {status}", "stage": "analysis"}
        answer: dict[str, Any] = json.loads(text)
        return answer
