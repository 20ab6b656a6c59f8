"""Analysis in a process of its own with little memory and time: hostile source dies there.

Reading Python can exhaust stack, memory or time (``ast.parse`` of deeply nested source ends a
process with a segmentation fault). ``python -m galley.notebook.limited`` reads a request on its
standard input and writes the answer on its output: an analysis, or a session's comparison.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from galley.domain.live import LiveState
from galley.domain.split import SplitLayout
from galley.domain.versions import Analysis, Check
from galley.errors import BY_CODE, InvalidInput, PublicError
from galley.notebook.analysis import analyse
from galley.notebook.installed import Installed, installed_here
from galley.notebook.live import CleanRun, compare


@dataclass(frozen=True)
class ReadingLimits:
    """What one analysis may use.

    Attributes:
        memory: address space, bytes.
        cpu_s: CPU time, seconds.
        timeout_s: wall time, seconds.
    """

    memory: int = 2**30
    cpu_s: int = 30
    timeout_s: float = 90


def analyse_limited(
    notebook: dict[str, Any],
    modules: Mapping[str, str],
    *,
    installed: Installed | None = None,
    task: str = "notebook",
    layout: SplitLayout | None = None,
    limits: ReadingLimits | None = None,
) -> Analysis:
    """Return what reading a notebook tells; blocks for about a second.

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
    return Analysis.model_validate(_answer("analysis", request, limits or ReadingLimits()))


def compare_limited(
    live: LiveState, clean: CleanRun, *, limits: ReadingLimits | None = None
) -> tuple[Check, ...]:
    """Return what a session has that a clean run has not; blocks for about a second.

    Raises:
        InvalidInput: as :func:`galley.notebook.live.compare`, and when reading it takes more than
            ``limits``.
    """
    request = {
        "live": live.model_dump(mode="json"),
        "clean": TypeAdapter(CleanRun).dump_python(clean, mode="json"),
    }
    answer = _answer("comparison", request, limits or ReadingLimits())
    return TypeAdapter(tuple[Check, ...]).validate_python(answer)


def _answer(what: str, request: dict[str, Any], limits: ReadingLimits) -> Any:
    """Return what a limited process answers; raises InvalidInput where it cannot."""
    request = {"what": what, "memory": limits.memory, "cpu_s": limits.cpu_s, **request}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "galley.notebook.limited"],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=limits.timeout_s,
            env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _too_much(f"reading it took longer than {limits.timeout_s:g} s") from error
    except RecursionError as error:
        raise _too_much("it is nested too deeply") from error
    if done.returncode != 0:
        raise _too_much(_cause(done.returncode))
    answer = json.loads(done.stdout)
    if "problem" in answer:
        problem = answer["problem"]
        raise BY_CODE[problem["code"]](
            problem["detail"], field=problem.get("field"), **problem.get("data", {})
        )
    return answer["answer"]


def _cause(returncode: int) -> str:
    if returncode == -signal.SIGXCPU:
        return "reading it took too much time"
    return "it is nested too deeply or takes too much memory to read"


def _too_much(cause: str) -> InvalidInput:
    return InvalidInput(
        f"this notebook cannot be analysed: {cause}. Split very long or deeply nested "
        "expressions, and read large literals from a file",
        field="notebook",
    )


def main() -> None:
    """Answer one request; any failure to do so is told by the exit status."""
    request = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (request["cpu_s"], request["cpu_s"] + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = {"answer": _ANSWERS[request["what"]](request)}
    except PublicError as error:
        answer = {"problem": error.problem()}
    sys.stdout.write(json.dumps(answer))


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


_ANSWERS = {"analysis": _analysis, "comparison": _comparison}

if __name__ == "__main__":
    main()
