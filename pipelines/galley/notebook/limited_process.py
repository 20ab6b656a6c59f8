"""A process of its own with little memory and time: hostile source dies there.

Reading Python can exhaust stack, memory or time (``ast.parse`` of deeply nested source ends a
process with a segmentation fault). A module that answers requests in such a process ends with
``serve({"what": function})``; :func:`ask` starts it and hands it one request.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from galley.errors import BY_CODE, InvalidInput, PublicError


@dataclass(frozen=True)
class ReadingLimits:
    """What one reading may use.

    Attributes:
        memory: address space, bytes.
        cpu_s: CPU time, seconds.
        timeout_s: wall time, seconds.
    """

    memory: int = 2**30
    cpu_s: int = 30
    timeout_s: float = 90


def ask(module: str, what: str, request: Mapping[str, Any], limits: ReadingLimits) -> Any:
    """Return what ``python -m module`` answers to a request of plain JSON.

    Raises:
        InvalidInput: reading it takes more than ``limits``.
        PublicError: whatever the answering function raised.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", module],
            input=json.dumps(
                {"what": what, "memory": limits.memory, "cpu_s": limits.cpu_s, **request}
            ).encode(),
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


def serve(answers: Mapping[str, Callable[[dict[str, Any]], Any]]) -> None:
    """Answer one request; any failure to do so is told by the exit status."""
    request = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (request["cpu_s"], request["cpu_s"] + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = {"answer": answers[request["what"]](request)}
    except PublicError as error:
        answer = {"problem": error.problem()}
    sys.stdout.write(json.dumps(answer))


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
