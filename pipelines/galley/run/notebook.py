"""Execute one notebook as papermill would, under limits, and say how it ended."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import nbformat
from nbclient.exceptions import DeadKernelError
from papermill import PapermillExecutionError, execute_notebook

from galley.domain.model import Instant
from galley.domain.runs import FailureClass
from galley.domain.versions import CellError
from galley.run import cells as whose
from galley.run import engine, failures
from galley.run.guard import Guard, Stop
from galley.run.processes import TASK_MARK, kill_all, marked
from galley.run.usage import Meter

AUTOSAVE_S = 10


@dataclass(frozen=True)
class Limits:
    """What one execution may use.

    Attributes:
        memory: bytes, of the kernel and all it starts.
        profile: name of the profile that the limit comes from, for messages.
        deadline: when it must have ended.
        timeout_s: the whole-run limit that the deadline comes from, for messages.
        grace_s: seconds between interrupt and kill.
    """

    memory: int
    profile: str
    deadline: Instant
    timeout_s: float
    grace_s: float


@dataclass(frozen=True)
class Execution:
    """How an execution ended; ``error`` is None when every cell passed.

    Attributes:
        failure_class: None with an error means that the execution was cancelled.
        cell: code cells of the author's that are finished.
        cells: code cells of the author's in total.
        peak_memory: largest resident memory of the kernel's process tree, bytes.
    """

    error: CellError | None
    failure_class: FailureClass | None
    cell: int
    cells: int
    peak_memory: int

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.error is not None and self.failure_class is None


class _Observer:
    """Follows one execution: progress, text and the guard of its kernel."""

    def __init__(
        self,
        environment: Mapping[str, str],
        cwd: Path,
        kernel_output: IO[bytes],
        limits: Limits,
        cancelled: Callable[[], bool],
        on_cell: Callable[[int, int], None],
        on_text: Callable[[str, str], None],
        on_used: Callable[[int, float], None],
        python: Path | None,
    ) -> None:
        self.python = python
        self.environment = {**environment, TASK_MARK: uuid.uuid4().hex}
        self.cwd = cwd
        self.kernel_output = kernel_output
        self.index: int | None = None
        self.finished = 0
        self.counted: frozenset[int] = frozenset()
        self.process: subprocess.Popen[bytes] | None = None
        self.guard: Guard | None = None
        self._limits = limits
        self._cancelled = cancelled
        self._on_cell = on_cell
        self._on_used = on_used
        self.stream = on_text

    @property
    def cells(self) -> int:
        return len(self.counted)

    def kernel_started(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.guard = Guard(
            process.pid,
            memory=self._limits.memory,
            deadline=self._limits.deadline,
            grace_s=self._limits.grace_s,
            cancelled=self._cancelled,
            on_sample=Meter(self._on_used),
        )
        self.guard.start()

    def cell_started(self, cell: object, cell_index: int) -> None:  # noqa: ARG002
        self.index = cell_index

    def cell_executed(
        self,
        cell: object,  # noqa: ARG002
        cell_index: int,
        execute_reply: dict[str, Any],
    ) -> None:
        if execute_reply["content"]["status"] == "ok" and cell_index in self.counted:
            self.finished += 1
            self._on_cell(self.finished, self.cells)

    def close(self) -> None:
        if self.guard is not None:
            self.guard.close()
        kill_all(marked(TASK_MARK, self.environment[TASK_MARK]))


def execute(
    notebook: str,
    output: Path,
    *,
    task: str,
    environment: Mapping[str, str],
    cwd: Path,
    limits: Limits,
    cancelled: Callable[[], bool],
    on_cell: Callable[[int, int], None],
    on_text: Callable[[str, str], None],
    on_used: Callable[[int, float], None] = lambda _memory, _cpu_s: None,
    python: Path | None = None,
) -> Execution:
    """Execute ``notebook`` (JSON text, parameters injected) and write it to ``output``.

    The executed notebook equals papermill's. It is written while it grows, also when a cell fails
    or the kernel is killed. No process that the notebook started is alive afterwards.

    Args:
        cancelled: asked every 0.2 s while the kernel lives.
        on_cell: called with (code cells finished, code cells in total).
        on_text: called with (``stdout`` or ``stderr``, text) as the text comes.
        on_used: called with (resident memory in bytes, CPU time so far in seconds), at most once a
            second, from the guard's thread.
        python: interpreter of a Python kernel; None: the one that runs here.
    """
    source = nbformat.reads(notebook, as_version=4)
    with tempfile.TemporaryDirectory(prefix="galley-task-") as folder:
        rendered = Path(folder) / "in.ipynb"
        rendered.write_text(notebook, encoding="utf-8")
        with (Path(folder) / "kernel.out").open("w+b") as kernel_output:
            observer = _Observer(
                environment,
                cwd,
                kernel_output,
                limits,
                cancelled,
                on_cell,
                on_text,
                on_used,
                python,
            )
            observer.counted = whose.own_cells(source.cells)
            on_cell(0, observer.cells)
            try:
                execute_notebook(
                    str(rendered),
                    str(output),
                    engine_name=engine.NAME,
                    kernel_name=kernel_name(source),
                    progress_bar=False,
                    autosave_cell_every=AUTOSAVE_S,
                    observer=observer,
                )
                ended: Exception | None = None
            except (PapermillExecutionError, DeadKernelError, RuntimeError, OSError) as error:
                ended = error
            finally:
                observer.close()
            return _story(ended, task, source, observer, limits, _tail(kernel_output))


def kernel_name(notebook: nbformat.NotebookNode) -> str | None:
    """Return ``python3`` for a Python notebook, whatever its author's kernel was called.

    The name in a notebook belongs to its author's machine; the environment of a run is ours.
    Another language keeps its name.
    """
    language = notebook.metadata.get("kernelspec", {}).get("language", "python")
    return "python3" if language == "python" else None


def _story(
    ended: Exception | None,
    task: str,
    source: nbformat.NotebookNode,
    observer: _Observer,
    limits: Limits,
    tail: str,
) -> Execution:
    cell = failures.published_cell(source.cells, observer.index)
    doing = whose.doing(whose.role(source.cells, observer.index), task)
    guard = observer.guard
    reason = guard.reason if guard else None
    failure: tuple[FailureClass | None, CellError | None] = (None, None)
    if guard is None:
        if ended is not None:
            failure = (
                FailureClass.INFRASTRUCTURE,
                failures.infrastructure(task, ended, f"no kernel could be started: {ended}"),
            )
    elif reason is not None and (ended is not None or reason is not Stop.CANCELLED):
        failure = failures.stopped(
            reason,
            task=task,
            cell=cell,
            used=guard.peak,
            memory=limits.memory,
            profile=limits.profile,
            timeout_s=limits.timeout_s,
            doing=doing,
        )
    elif isinstance(ended, PapermillExecutionError):
        failure = FailureClass.USER, failures.raised(ended, task=task, cells=source.cells)
    elif ended is not None:
        returncode = observer.process.poll() if observer.process else None
        failure = failures.died(
            returncode,
            task=task,
            cell=cell,
            last=guard.last,
            memory=limits.memory,
            profile=limits.profile,
            detail=tail,
            cells=source.cells,
            doing=doing,
        )
    return Execution(
        error=failure[1],
        failure_class=failure[0],
        cell=observer.finished,
        cells=observer.cells,
        peak_memory=guard.peak if guard else 0,
    )


def _tail(output: IO[bytes]) -> str:
    with contextlib.suppress(OSError):
        output.flush()
        size = output.seek(0, 2)
        output.seek(max(0, size - 2000))
        return output.read().decode(errors="replace").strip()[-500:]
    return ""
