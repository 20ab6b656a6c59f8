"""Whose failure it was: an ended kernel's story as a failure class and one sentence.

Classes
    user            an exception in a cell, ``os._exit``, a crash of the interpreter, full scratch
    out of memory   the limit of the profile was reached
    timeout         the deadline of the run, or of a cell, passed
    infrastructure  a kernel, worker or cluster that went away without a reason of the notebook's
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from papermill import PapermillExecutionError

from galley.domain.runs import FailureClass
from galley.domain.versions import CellError
from galley.inside.birth import NOT_BEGUN
from galley.notebook.explain import exit_call, explain_error, kill_call
from galley.notebook.source import cell_label
from galley.run import cells as whose
from galley.run.guard import Stop
from galley.run.outputs import MAX_NAME

_NEAR_LIMIT = 0.8
MAX_SAID = 8192
"""Characters of an exception's text that go into a run's record; the notebook keeps more."""
MAX_TRACEBACK = 65536
"""Characters of its traceback that do."""
_UNITS = (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10))


@dataclass(frozen=True)
class Given:
    """What a task was given, for messages.

    Attributes:
        memory: bytes.
        profile: name of the profile that this comes from.
        next_profile: the tenant's next larger one; None where there is none.
        timeout_s: time limit of the whole run, seconds.
        memory_tag: tag of a cell that the memory comes from; None: the profile.
    """

    memory: int
    profile: str
    next_profile: str | None
    timeout_s: float
    memory_tag: str | None = None


def human_bytes(size: float) -> str:
    """Return a size as people read it: ``7.9 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def of_limit(used: int, limit: int) -> str:
    """Return a use and its limit in the limit's unit: ``7.9 of 8 GiB``."""
    unit, size = next(((unit, 2**power) for unit, power in _UNITS if limit >= 2**power), ("B", 1))
    return f"{round(used / size, 1):g} of {round(limit / size, 1):g} {unit}"


def published_cell(cells: list[Any], index: int | None) -> int | None:
    """Return the index in the published notebook of an executed notebook's cell.

    The project notes it in each cell's metadata (``galley.cell``). A notebook without the note
    counts its own cells, without the ones that were injected.
    """
    if index is None or index >= len(cells):
        return None
    noted = cells[index].metadata.get("galley", {}).get("cell")
    if isinstance(noted, int):
        return noted
    if whose.is_injected(cells[index]) or whose.is_noted(cells):
        return None
    return sum(1 for cell in cells[:index] if not whose.is_injected(cell))


def published_notebook(cells: list[Any]) -> dict[str, Any]:
    """Return the published notebook as far as an executed one tells it: its cells in their places.

    Cells that went to other tasks are empty.
    """
    places = {published_cell(cells, index): cell for index, cell in enumerate(cells)}
    last = max((place for place in places if place is not None), default=-1)
    notebook = nbformat.v4.new_notebook()
    for place in range(last + 1):
        cell = places.get(place)
        source, kind = (cell.source, cell.cell_type) if cell is not None else ("", "markdown")
        if kind == "code":
            notebook.cells.append(nbformat.v4.new_code_cell(source))
        else:
            notebook.cells.append(nbformat.v4.new_markdown_cell(source))
    result: dict[str, Any] = json.loads(json.dumps(notebook))
    return result


def _where(cell: int | None, doing: str | None = None) -> str:
    if doing is not None:
        return doing
    return "before the first cell" if cell is None else f"in {cell_label(cell)}"


def bounded(error: CellError | None) -> CellError | None:
    """Return an error as it travels: each of its texts has a longest length."""
    if error is None:
        return None
    cut = {
        "ename": _begun(error.ename, MAX_NAME),
        "evalue": _begun(error.evalue, MAX_SAID),
        "message": _begun(error.message, MAX_SAID),
        "traceback": _last(error.traceback),
    }
    return error.model_copy(update=cut)


def _begun(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} …"


def _last(traceback: tuple[str, ...]) -> tuple[str, ...]:
    """Return the end of a traceback, which tells most."""
    room, kept = MAX_TRACEBACK, list[str]()
    for line in reversed(traceback):
        if room <= 0:
            kept.append("… the beginning is cut off")
            break
        kept.append(line[-room:])
        room -= len(line) + 1
    return tuple(reversed(kept))


def raised(error: PapermillExecutionError, *, task: str, cells: list[Any]) -> CellError:
    """Return the error of a cell that raised, with a sentence for people.

    Of a cell that a split added, the sentence says what the task was doing.
    """
    cell = published_cell(cells, error.cell_index)
    doing = whose.doing(whose.role(cells, error.cell_index), task)
    if doing is not None:
        cell = whose.hoisted_from(cells[error.cell_index], error.traceback)
    told = explain_error(
        published_notebook(cells),
        cell=cell,
        ename=error.ename,
        evalue=error.evalue,
        traceback=error.traceback,
        task=task,
    )
    if doing is not None:
        return told.model_copy(update={"message": _in_added_cell(told, doing)})
    if told.ename == "NameError" and cell is not None and whose.is_split(cells):
        # Another task may well define it: this one was not handed it.
        message = f"{cell_label(cell)}, in task {task!r}, raised NameError: {told.evalue}"
        return told.model_copy(update={"message": message})
    return told


def _in_added_cell(error: CellError, doing: str) -> str:
    if error.ename == "HandoverError":
        return f"{doing}: {error.evalue}"
    raised_by = "" if error.cell is None else f", in what it repeats of {cell_label(error.cell)}"
    return f"{error.ename} {doing}{raised_by}: {error.evalue}"


def stopped(
    reason: Stop,
    *,
    task: str,
    cell: int | None,
    used: int,
    given: Given,
    cell_limit_s: float | None = None,
    doing: str | None = None,
) -> tuple[FailureClass | None, CellError]:
    """Return class and error of a kernel that was stopped from outside; no class: cancelled.

    Args:
        used: memory, bytes.
        cell_limit_s: time limit of the cell, seconds.
        doing: what the task did in a cell that is not the author's, in words.
    """
    where = _where(cell, doing)
    if reason is Stop.MEMORY:
        return out_of_memory(task=task, cell=cell, used=used, given=given, doing=doing)
    if reason in {Stop.DEADLINE, Stop.CELL_DEADLINE}:
        limit = given.timeout_s if reason is Stop.DEADLINE else cell_limit_s or 0
        message = (
            f"the run reached its time limit of {limit:g} s {where}. Publish a version "
            "with a longer time limit or let the notebook do less."
            if reason is Stop.DEADLINE
            else f"reached the time limit of a cell, {limit:g} s, {where}. Publish a version with "
            "a longer cell time limit, tag the cell 'timeout:SECONDS', or let it do less."
        )
        return FailureClass.TIMEOUT, CellError(
            task=task, cell=cell, ename="TimeoutError", evalue=f"{limit:g} s", message=message
        )
    return None, CellError(
        task=task, cell=cell, ename="Cancelled", evalue="", message=f"cancelled {where}"
    )


def out_of_memory(
    *, task: str, cell: int | None, used: int, given: Given, doing: str | None = None
) -> tuple[FailureClass, CellError]:
    """Return class and error of a task that needed more memory than it had.

    A limit that the notebook sets itself is the user's: a larger profile would change nothing.
    """
    larger = (
        f"its own tag {given.memory_tag!r} sets this limit"
        if given.memory_tag is not None
        else f"the next profile is {given.next_profile}"
        if given.next_profile is not None
        else f"profile {given.profile!r} is the largest there is for it: load less at a time"
    )
    failure = FailureClass.USER if given.memory_tag else FailureClass.OUT_OF_MEMORY
    return failure, CellError(
        task=task,
        cell=cell,
        ename="OutOfMemory",
        evalue=f"{used} of {given.memory} bytes",
        message=f"out of memory {_where(cell, doing)}: {of_limit(used, given.memory)}; {larger}",
    )


def died(
    returncode: int | None,
    *,
    task: str,
    cell: int | None,
    last: int,
    given: Given,
    detail: str,
    cells: list[Any] | None = None,
    doing: str | None = None,
) -> tuple[FailureClass, CellError]:
    """Return class and error of a kernel that ended by itself or was killed by somebody.

    Args:
        last: memory at the last look, bytes.
        cells: of the executed notebook, to find the cell that asked for the end.
        doing: what the task did in a cell that is not the author's, in words.
    """
    where = _where(cell, doing)
    if returncode == NOT_BEGUN:
        said = detail.strip().rpartition("\n")[2] or "it did not say why"
        return FailureClass.INFRASTRUCTURE, CellError(
            task=task,
            ename="DeadKernel",
            evalue=str(returncode),
            message=f"the kernel could not begin: {said}",
        )
    if returncode == -signal.SIGKILL and last > _NEAR_LIMIT * given.memory:
        return out_of_memory(task=task, cell=cell, used=last, given=given, doing=doing)
    killed = returncode == -signal.SIGKILL and not _kills_itself(cells or [], cell)
    if returncode is None or killed:
        call = kill_call(published_notebook(cells or []), cell) if killed and cells else None
        why = f"perhaps by it, it calls {call}" if call else "for no reason of the notebook's"
        return FailureClass.INFRASTRUCTURE, CellError(
            task=task,
            cell=cell,
            ename="DeadKernel",
            evalue=str(returncode),
            message=f"the kernel was killed {where}, {why}",
        )
    if returncode < 0:
        how = f"crashed with {_signal_name(-returncode)}"
    else:
        how = f"ended itself with exit code {returncode}"
    message = f"the kernel {how} {where}"
    if asked := exit_call(published_notebook(cells or []), cell):
        message = f"{message}: {asked}"
    return FailureClass.USER, CellError(
        task=task,
        cell=cell,
        ename="DeadKernel",
        evalue=str(returncode),
        message=f"{message}; it said last: {detail}" if detail else message,
    )


def _kills_itself(cells: list[Any], cell: int | None) -> bool:
    """Whether a cell sends its own kernel SIGKILL; one above it has done so in vain."""
    if cell is None or not any("kill" in one.source for one in cells):
        return False
    asked, label = exit_call(published_notebook(cells), cell) or "", cell_label(cell)
    return asked.startswith(f"{label} runs ") or (
        asked.startswith(f"{label} calls os.kill") and asked.endswith((", 9)", "SIGKILL)"))
    )


def broke_off(
    said: str, *, task: str, cell: int | None, doing: str | None = None
) -> tuple[FailureClass, CellError]:
    """Return class and error of a kernel that lived on and could not be understood any more.

    Args:
        said: what its notebook did, in words.
        doing: what the task did in a cell that is not the author's, in words.
    """
    return FailureClass.USER, CellError(
        task=task,
        cell=cell,
        ename="DeadKernel",
        evalue=said,
        message=f"the kernel had to be ended {_where(cell, doing)}: {said}",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def missing_kernel(error: NoSuchKernel, *, task: str) -> CellError:
    """Return the error of a notebook whose kernel is not installed where it runs."""
    return CellError(
        task=task, ename="NoSuchKernel", evalue=error.name, message=no_kernel(error.name)
    )


def no_kernel(name: str) -> str:
    """Return what to say of a kernel that is not installed here, and what is."""
    installed = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
    return (
        f"the kernel {name!r} is not installed where this runs (installed: {installed}); ask the "
        "operator to install it there, or choose another kernel in the notebook"
    )


def unwatched(task: str, error: Exception) -> CellError:
    """Return the error of a task that was ended because nothing held it to its limits any more."""
    return infrastructure(task, error, f"the task could not be held to its limits: {error}")


def infrastructure(task: str | None, error: BaseException, message: str) -> CellError:
    """Return the error of a part of the platform that went away."""
    return CellError(task=task, ename=type(error).__name__, evalue=str(error), message=message)
