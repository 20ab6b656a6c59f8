"""Execute one notebook as papermill would, under limits, and say how it ended."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TypeGuard

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import DeadKernelError
from papermill import PapermillExecutionError, execute_notebook

from galley.domain.documents import other_language
from galley.domain.runs import FailureClass
from galley.domain.versions import CellError
from galley.run import cells as whose
from galley.run import engine, failures
from galley.run.guard import Stop
from galley.run.imports import imported_modules, installs_packages
from galley.run.observer import STARTED, Limits, Observer
from galley.run.outputs import Outputs
from galley.run.piped import BrokenKernel
from galley.run.redaction import Redactor
from galley.run.variables import assigned
from galley.run.walls import Walls
from galley.run.wanted import Unwanted
from galley.run.zygotes import NoZygote, Zygotes

logger = logging.getLogger(__name__)

AUTOSAVE_S = 10
_ENDS = (
    *(PapermillExecutionError, DeadKernelError, NoSuchKernel, NoZygote, Unwanted),
    *(RuntimeError, OSError),
)
"""What is expected to end an execution before its last cell. nbclient raises others where what a
notebook sends makes no sense to it, such as two ``Output`` widgets that end in the wrong order."""
CLOSED = "the notebook closed the connection of its kernel, as os.closerange() does"
TAIL = 500
"""Characters of the kernel's own last words that go into an error."""


@dataclass(frozen=True)
class Execution:
    """How an execution ended; ``error`` is None when every cell passed.

    Attributes:
        failure_class: None with an error means that the execution was cancelled.
        cell: code cells of the author's that are finished.
        cells: code cells of the author's in total.
        peak_memory: largest resident memory of the kernel's process tree, bytes.
        kernel: ``forked`` or ``started``, and what stood in the way of something better.
    """

    error: CellError | None
    failure_class: FailureClass | None
    cell: int
    cells: int
    peak_memory: int
    kernel: str = STARTED

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.error is not None and self.failure_class is None


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
    on_note: Callable[[str], None] = lambda _: None,
    on_used: Callable[[int, float], None] = lambda _memory, _cpu_s: None,
    python: Path | None = None,
    zygotes: Zygotes | None = None,
    isolate: bool = True,
    kept: Path | None = None,
    redactor: Redactor | None = None,
    secrets: Mapping[str, str] | None = None,
    walls: Walls | None = None,
) -> Execution:
    """Execute ``notebook`` (JSON text, parameters injected) and write it to ``output``.

    The executed notebook equals papermill's. It is written while it grows, also when a cell fails
    or the kernel is killed. No process that the notebook started is alive afterwards.

    Args:
        cancelled: asked every 0.1 s while the kernel comes into being, and while it lives.
        on_cell: called with (code cells finished, code cells in total).
        on_text: called with (``stdout`` or ``stderr``, text) as the text comes.
        on_note: called with what the log should say of the limits.
        on_used: called with (resident memory in bytes, CPU time so far in seconds), at most once a
            second, from the guard's thread.
        python: interpreter of a Python kernel; None: the one that runs here.
        zygotes: where the kernel of a Python notebook is forked; None: a plain kernel is started,
            as it is where no fork can be had.
        isolate: whether a forked kernel is to have a pid namespace of its own.
        kept: folder for the whole of outputs that are cut in the notebook; None: beside
            ``output``.
        redactor: takes the values of secrets out of all that leaves the kernel.
        secrets: name → value, for ``galley.secret`` in the kernel.
        walls: what the kernel sees of its host's files; None: all of them.
    """
    redactor = redactor or Redactor({})
    source = nbformat.v4.reads(notebook)
    with (
        engine.rendered(notebook, task) as rendered,
        tempfile.TemporaryFile(prefix="galley-kernel-") as kernel_output,
    ):
        observer = Observer(
            environment,
            cwd,
            kernel_output,
            limits,
            cancelled,
            on_cell,
            on_text,
            on_note,
            on_used,
            python,
            secrets or {},
            redactor,
            Outputs(
                kept or output.parent / "outputs",
                task,
                lambda index: failures.published_cell(source.cells, index),
                each=limits.output,
                cell=limits.cell_outputs,
                pieces=redactor.pieces,
                say=on_note,
            ),
            walls,
        )
        observer.counted = whose.own_cells(source.cells)
        if zygotes is not None and kernel_name(source) is not None:
            modules = imported_modules(source.cells)
            observer.fork = observer.forking(
                zygotes,
                modules,
                bare=installs_packages(source.cells),
                assigned=assigned(source.cells),
                isolate=isolate,
            )
        on_cell(0, observer.cells)
        ended, unforked = _execute(rendered, output, source, observer), ""
        if isinstance(ended, NoZygote):
            observer.fork, unforked = None, str(ended)
            ended = _execute(rendered, output, source, observer)
        observer.streams_ended()
        observer.outputs.close()
        redactor.notebook(output)
        tail = redactor.text(_tail(kernel_output))[-TAIL:]
        told = _story(ended, task, source, observer, limits, tail)
        return replace(told, error=redactor.error(told.error), kernel=observer.kernel(unforked))


def _execute(
    rendered: str, output: Path, source: nbformat.NotebookNode, observer: Observer
) -> Exception | None:
    """Execute with papermill; returns what ended it before its last cell, if anything did."""
    try:
        with observer.handing():
            execute_notebook(
                rendered,
                str(output),
                engine_name=engine.NAME,
                kernel_name=kernel_name(source),
                progress_bar=False,
                start_timeout=engine.START_S,
                autosave_cell_every=AUTOSAVE_S,
                observer=observer,
            )
        observer.ended_well = True
    except Exception as error:  # whatever it is, the task has ended
        if not isinstance(error, _ENDS):
            logger.warning("what a notebook sent could not be taken", exc_info=error)
        observer.fell_silent = isinstance(error, DeadKernelError | ConnectionError)
        return error
    finally:
        observer.close()
    return None


def kernel_name(notebook: nbformat.NotebookNode) -> str | None:
    """Return ``python3`` for a Python notebook, whatever its author's kernel was called.

    The name in a notebook belongs to its author's machine; the environment of a run is ours.
    Another language keeps its name.
    """
    return "python3" if other_language(notebook) is None else None


def _story(
    ended: Exception | None,
    task: str,
    source: nbformat.NotebookNode,
    observer: Observer,
    limits: Limits,
    tail: str,
) -> Execution:
    cell = failures.published_cell(source.cells, observer.index)
    doing = whose.doing(whose.role(source.cells, observer.index), task)
    guard = observer.guard
    reason = guard.reason if guard else None
    if guard is not None and guard.killed_for_memory and ended is not None:
        reason = reason or Stop.MEMORY
    failure: tuple[FailureClass | None, CellError | None] = (None, None)
    if isinstance(ended, NoSuchKernel):
        other = other_language(source) is not None  # which Python's kernel is, is ours to say
        whose_fault = FailureClass.USER if other else FailureClass.INFRASTRUCTURE
        failure = whose_fault, failures.missing_kernel(ended, task=task)
    elif guard is None and (stop := observer.given_up) is not None:
        failure = failures.stopped(stop, task=task, cell=cell, used=0, given=limits.given)
    elif guard is None:
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
            given=limits.given,
            cell_limit_s=guard.cell_limit_s,
            doing=doing,
        )
    elif guard.failed is not None and ended is not None:
        failure = FailureClass.INFRASTRUCTURE, failures.unwatched(task, guard.failed)
    elif isinstance(ended, PapermillExecutionError):
        failure = FailureClass.USER, failures.raised(ended, task=task, cells=source.cells)
    elif _never_answered(ended):
        said = f"the kernel did not answer within {engine.START_S} s of its start"
        failure = FailureClass.INFRASTRUCTURE, failures.infrastructure(task, ended, said)
    elif isinstance(ended, OSError) and not isinstance(ended, ConnectionError | TimeoutError):
        said = f"the executed notebook could not be kept: {ended}"
        failure = FailureClass.INFRASTRUCTURE, failures.infrastructure(task, ended, said)
    elif isinstance(ended, BrokenKernel) or (ended is not None and observer.lived_on):
        said = str(ended) if isinstance(ended, BrokenKernel) else CLOSED
        failure = failures.broke_off(said, task=task, cell=cell, doing=doing)
    elif ended is not None and not isinstance(ended, _ENDS):
        said = f"what it sent could not be taken, {type(ended).__name__}: {ended}"
        failure = failures.broke_off(said, task=task, cell=cell, doing=doing)
    elif ended is not None:
        returncode = observer.process.poll() if observer.process else None
        failure = failures.died(
            returncode,
            task=task,
            cell=cell,
            last=guard.last,
            given=limits.given,
            detail=tail,
            cells=source.cells,
            doing=doing,
        )
    return Execution(
        error=failures.bounded(failure[1]),
        failure_class=failure[0],
        cell=observer.finished,
        cells=observer.cells,
        peak_memory=guard.peak if guard else 0,
    )


def _never_answered(ended: Exception | None) -> TypeGuard[RuntimeError]:
    """Whether nbclient gave up waiting for a kernel that it had started."""
    return isinstance(ended, RuntimeError) and "didn't respond in" in str(ended)


def _tail(output: IO[bytes]) -> str:
    with contextlib.suppress(OSError):
        output.flush()
        size = output.seek(0, 2)
        output.seek(max(0, size - 2000))
        return output.read().decode(errors="replace").strip()
    return ""
