"""Proving a split on this machine: kernels of the current interpreter, no service, no tracking.

They are forked from one warm interpreter, as a run's are: what a notebook imports is imported once
for all tasks. Where nothing can be forked they are started, which takes longer and does the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from galley.domain.proof import Proof, ProofState
from galley.domain.split import SplitLayout
from galley.domain.versions import Analysis
from galley.proof.around import Around, named_above
from galley.proof.place import Place
from galley.proof.prove import ProofWork, prove
from galley.proof.runs import PlainFailed, ProofStopped, run_plain
from galley.proof.stage import Stage, folder_size
from galley.run.compute import InlineCompute
from galley.run.dag import BrokenProject
from galley.run.failures import human_bytes
from galley.run.tasks import TaskEvent, TaskSpec
from galley.run.zygotes import Zygotes

FIRST = "plain run"
"""What :func:`prove_here` does first, in words for people."""

MAX_NEIGHBOURS = 2 * 2**30
_FOREVER = timedelta(days=30)
_NO_LIMIT = 2**50


def prove_here(
    notebook: dict[str, Any],
    modules: Mapping[str, str],
    analysis: Analysis,
    folder: Path,
    parameters: Mapping[str, Any],
    say: Callable[[str], None],
    *,
    beside: Path | None = None,
    layout: SplitLayout | None = None,
    defaults: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    printed: Callable[[str], None] = lambda _: None,
    environment: Mapping[str, str] | None = None,
    cell_timeout_s: float | None = None,
) -> Proof:
    """Run a notebook unsplit, again, and split, and return what comparing them showed.

    Args:
        notebook: nbformat 4 JSON.
        modules: path → source of its local modules.
        analysis: its analysis, with the split to prove.
        folder: empty; the runs happen in it, and nothing outside of it is written by the proof.
        parameters: values of the run; others have their defaults.
        say: takes one line for the log.
        beside: the notebook's own folder, of whose files every run gets a copy, as it does of
            those above it that the notebook names (``../data/raw.csv``); at most 2 GiB each.
        progress: takes what is being done, in words.
        printed: takes the text that cells print.
        environment: of the kernels; this process's own if None.
        cell_timeout_s: how long a cell may take, seconds; None: for ever.
    """
    if analysis.split is None or not analysis.split.is_split:
        return _without(ProofState.NOT_NEEDED, analysis.split.reason if analysis.split else None)
    try:
        around = _around(notebook, analysis, folder, beside)
    except (OSError, _TooMuch) as error:
        return _without(ProofState.SKIPPED, str(error))
    compute = InlineCompute(_teller(printed))
    kernels = dict(os.environ if environment is None else environment)
    zygotes = Zygotes(folder / "zygotes")
    zygotes.own(at_start=kernels)  # as a kernel that is started here would have them
    place = Place(
        compute,
        lambda task: _spec(task, folder, kernels, zygotes, cell_timeout_s),
        lambda: False,
    )
    work = ProofWork(
        notebook=notebook,
        modules=modules,
        analysis=analysis,
        parameters=parameters,
        slug="notebook",
        tenant="local",
        home=folder / "home" if around is None else around.home,
        folder=folder / "proof",
        defaults=defaults or {},
        layout=layout,
        neighbours=beside,
        leftovers=around,
    )
    try:
        return _prove(work, place, around, say, progress)
    except BaseException:
        compute.cancel()
        raise
    finally:
        compute.close()
        zygotes.close()


class _TooMuch(Exception):
    """What every run would get a copy of is too large; the message says what to do."""


def _around(
    notebook: dict[str, Any], analysis: Analysis, folder: Path, beside: Path | None
) -> Around | None:
    """Return what stands around the runs; None where the notebook names nothing above its folder.

    Raises:
        OSError: what would be copied cannot be read.
    """
    if beside is None:
        return None
    limit = human_bytes(MAX_NEIGHBOURS)
    if (size := folder_size(beside)) > MAX_NEIGHBOURS:
        raise _TooMuch(
            f"the folder {beside} holds {human_bytes(size)}, of which every run would get a copy; "
            f"{limit} is the limit. Put the notebook in a folder of its own, and a link to its "
            "data beside it."
        )
    if not (above := named_above(notebook, analysis.files, beside)):
        return None
    around = Around(folder / "around", beside, above)
    if around.size > MAX_NEIGHBOURS:
        raise _TooMuch(
            f"what the notebook names above its folder ({', '.join(above)}) holds "
            f"{human_bytes(around.size)}, of which every run would get a copy; {limit} is the "
            "limit. Put a link to it beside the notebook."
        )
    return around


def _prove(
    work: ProofWork,
    place: Place,
    around: Around | None,
    say: Callable[[str], None],
    progress: Callable[[str], None],
) -> Proof:
    plan = work.analysis.split
    assert plan is not None
    progress(FIRST)
    stage = Stage(work.home, work.folder / "unused", work.neighbours, work.leftovers)
    try:
        first = run_plain(
            work.project(None), plan, work.parameters, place, stage, work.folder / "first"
        )
    except PlainFailed as error:
        return _without(ProofState.UNEQUAL, f"the notebook does not run: {error}")
    except ProofStopped as error:
        return _without(ProofState.UNEQUAL, str(error))
    except BrokenProject as error:
        return _without(ProofState.SKIPPED, str(error))
    if around is not None and (wrote := around.written()):
        reason = f"the notebook writes {wrote[0]}, above its folder, which cannot be compared"
        return _without(ProofState.UNEQUAL, reason).model_copy(
            update={"plain_s": (first.duration_s,)}
        )
    return prove(work, first, place, say=say, progress=progress)


def _spec(
    task: Any,
    folder: Path,
    environment: dict[str, str],
    zygotes: Zygotes,
    cell_timeout_s: float | None,
) -> TaskSpec:
    """Return what is sent out for a task, without other limits that could stop it."""
    return TaskSpec(
        attempt="local",
        name=str(task.name),
        notebook=task.source.nb_str_rendered,
        output=folder / f"{task.name}.ipynb",
        cwd=folder,
        environment=environment,
        zygotes=zygotes.folder,
        memory=_NO_LIMIT,
        profile="none",
        deadline=datetime.now(UTC) + _FOREVER,
        timeout_s=_FOREVER.total_seconds(),
        cell_timeout_s=cell_timeout_s,
        grace_s=5,
    )


def _teller(printed: Callable[[str], None]) -> Callable[[TaskEvent], None]:
    def emit(event: TaskEvent) -> None:
        if event.kind == "text":
            printed(event.text)

    return emit


def _without(state: ProofState, reason: str | None) -> Proof:
    return Proof(state=state, reason=reason)
