"""Hidden state: what a live session shows that a clean run of the notebook does not.

A finding says which cell and which name. What a clean run does not repeat either (an unstable
name) is told as such and is no warning.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from galley.domain.live import LiveCell, LiveState
from galley.domain.split import NameFact, Snapshot
from galley.domain.versions import Check, Severity
from galley.notebook.dataflow import CellNames, cell_names
from galley.notebook.outputs import compare as compare_outputs
from galley.notebook.parameters import inspect
from galley.notebook.source import Cell, cell_label, read_cells

MAX_NAMED = 3
"""Differences named in one sentence, the others are counted; cells not run that get one each."""
_DRAWN = "it may follow from random numbers, which nobody seeds"


@dataclass(frozen=True)
class CleanRun:
    """The clean run that a session is held against.

    Attributes:
        snapshot: what its namespace held at the end; None compares no names.
        executed: nbformat 4 JSON of the notebook that it left; None compares no outputs.
        parameters: values that it ran with.
        unstable: names that differ between two clean runs.
        unstable_cells: indexes of the cells whose outputs differ between two clean runs.
        drawing: indexes of the cells that drew random numbers which nobody had seeded.
    """

    snapshot: Snapshot | None
    executed: dict[str, Any] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    unstable: frozenset[str] = frozenset()
    unstable_cells: frozenset[int] = frozenset()
    drawing: frozenset[int] = frozenset()


def compare(live: LiveState, clean: CleanRun) -> tuple[Check, ...]:
    """Return what differs, in the order of the notebook's cells.

    Raises:
        InvalidInput: one of the notebooks is not one.
        RecursionError, MemoryError: on hostile source; call it in a limited process.
    """
    session = _Session(live, clean)
    checks = [*_execution(session)]
    if clean.snapshot is not None:
        checks += _names(session, clean, clean.snapshot)
        checks += _aliases(session, clean.snapshot)
    if clean.executed is not None:
        checks += _outputs(session, clean, clean.executed)
    last = len(session.cells)
    return tuple(sorted(checks, key=lambda one: last if one.cell is None else one.cell))


class _Session:
    """A live state with the names that each cell defines and uses.

    Attributes:
        apart: in words, the parameters that a clean run had other values of than the notebook has;
            empty where it had the same.
        following: the names and the indexes of cells that may follow from these parameters.
        random: those that may follow from random numbers which nobody seeds.
    """

    def __init__(self, live: LiveState, clean: CleanRun) -> None:
        self.live = live
        parameters = clean.parameters
        self.cells = read_cells(live.notebook)
        own = inspect(self.cells).schema.defaults()
        other = [
            name
            for name, value in parameters.items()
            if name in own and json.dumps(own[name]) != json.dumps(value)
        ]
        named = ", ".join(f"`{name}` = {parameters[name]!r:.80}" for name in other[:MAX_NAMED])
        more = f" and {len(other) - MAX_NAMED} more" if len(other) > MAX_NAMED else ""
        self.apart = f"the clean run had other parameters: {named}{more}" if other else ""
        self.names: dict[int, CellNames] = {
            cell.index: cell_names(cell) for cell in self.cells if cell.type == "code"
        }
        self.following = self._following(set(other))
        self.random = self._following(set(clean.drawing))
        self.ran: dict[int, LiveCell] = {
            one.index: one
            for one in live.cells
            if one.index in self.names and one.execution_count is not None
        }

    def _following(self, found: set[str | int]) -> set[str | int]:
        """Return names and cells with all that may follow from them."""
        for index, names in self.names.items():
            if index in found or not found.isdisjoint(names.needed):
                found |= {index, *names.defined}
            elif not found.isdisjoint(names.defined):
                found.add(index)
        return found

    def code(self) -> Iterator[Cell]:
        """Yield the cells that have something to run."""
        return (one for one in self.cells if one.type == "code" and one.source.strip())

    def count(self, index: int) -> int:
        """Return when a cell last ran in the session; 0 for never."""
        one = self.ran.get(index)
        return 0 if one is None or one.execution_count is None else one.execution_count

    def definers(self, name: str) -> list[int]:
        """Return the indexes of the cells that define ``name``, in the notebook's order."""
        return [index for index, names in self.names.items() if name in names.defined]

    def set_here(self, name: str) -> int | None:
        """Return the cell that set ``name`` last in the session; None where none did."""
        ran = [index for index in self.definers(name) if index in self.ran]
        return max(ran, key=self.count, default=None)

    def user(self, name: str) -> int | None:
        """Return the first cell that uses ``name`` without defining it."""
        return next((at for at, names in self.names.items() if name in names.needed), None)


def _execution(session: _Session) -> Iterator[Check]:
    """Yield what was run in another order than from top to bottom, or not as it stands."""
    yield from _not_run(session)
    for cell in session.code():
        one = session.ran.get(cell.index)
        if one is None:
            continue
        if one.edited:
            text = (
                f"{cell.label} was edited after it ran: what it set in your session comes from "
                "its earlier text"
            )
            yield _check("live-edited", Severity.WARNING, cell.index, text)
        later = [
            above.index
            for above in session.code()
            if above.index < cell.index and session.count(above.index) > session.count(cell.index)
        ]
        if later:
            text = (
                f"{cell.label} last ran before {_labels(later)}, further up; a clean run goes "
                "from top to bottom"
            )
            yield _check("live-order", Severity.WARNING, cell.index, text)


def _not_run(session: _Session) -> Iterator[Check]:
    """Yield the cells that were not run, each; many of them in one sentence."""
    code = list(session.code())
    left = [cell for cell in code if cell.index not in session.ran]
    if len(left) <= MAX_NAMED:
        for cell in left:
            text = f"{cell.label} was not run in your session; a clean run runs it"
            yield _check("live-not-run", Severity.INFO, cell.index, text)
        return
    if len(left) == len(code):
        text = "no cell was run in your session; a clean run runs all of them"
    else:
        numbers = ", ".join(str(cell.index + 1) for cell in left)
        text = f"cells {numbers} were not run in your session; a clean run runs them"
    yield _check("live-not-run", Severity.INFO, left[0].index, text)


def _names(session: _Session, clean: CleanRun, snapshot: Snapshot) -> Iterator[Check]:
    here, there = session.live.snapshot.names, snapshot.names
    for name in dict.fromkeys((*here, *there)):
        if name not in there:
            yield _only_live(session, name)
        elif name not in here:
            definers = session.definers(name)
            if not definers or any(index in session.ran for index in definers):
                yield _only_clean(session, name)  # of a cell that was not run that is said once
        else:
            yield from _values(session, clean, name)


def _only_live(session: _Session, name: str) -> Check:
    definers, user = session.definers(name), session.user(name)
    if definers:
        at = session.set_here(name)
        text = (
            f"`{name}` is left in your session and not in the clean run, although "
            f"{_labels(definers)} can define it"
        )
        return _check("live-only", Severity.WARNING, definers[-1] if at is None else at, text)
    text = f"`{name}` exists only in your session: no cell defines it"
    if user is None:
        return _check("live-only", Severity.INFO, None, text)
    text = f"{text}, and {cell_label(user)} uses it"
    return _check("live-only", Severity.WARNING, user, text)


def _only_clean(session: _Session, name: str) -> Check:
    definers = session.definers(name)
    at = definers[-1] if definers else None
    text = f"`{name}` exists after the clean run and not in your session"
    if at is not None:
        text = f"{text}, where it was deleted after {_labels(definers)} defined it"
    return _check("clean-only", Severity.INFO, at, text)


def _values(session: _Session, clean: CleanRun, name: str) -> Iterator[Check]:
    assert clean.snapshot is not None
    here, there = session.live.snapshot.names[name], clean.snapshot.names[name]
    definers = session.definers(name)
    run, session_at = (definers[-1] if definers else None), session.set_here(name)
    at = run if session_at is None else session_at
    if here.type == there.type and (here.digest is None or there.digest is None):
        why = here.why or there.why or "its type has no canonical form"
        text = f"`{name}` cannot be compared with the clean run's: {why}"
        yield _check("live-not-comparable", Severity.INFO, at, text)
        return
    if here.type == there.type and here.digest == there.digest:
        return
    text = f"`{name}` {_how(here, there)}"
    if name in clean.unstable:
        text = f"{text}; two clean runs differ in it as well"
        yield _check("live-differs", Severity.INFO, at, text)
        return
    if name in clean.parameters:
        text = (
            f"{text}: it is a parameter, which the clean run gave {clean.parameters[name]!r:.80}; "
            "what follows from it differs too"
        )
        yield _check("live-parameter", Severity.INFO, at, text)
        return
    if name in session.following:
        yield _check("live-differs", Severity.INFO, at, f"{text}; {session.apart}")
        return
    elsewhere = run is not None and session_at is not None and run != session_at
    edited = at in session.ran and session.ran[at].edited
    if name in session.random and not (elsewhere or edited):
        yield _check("live-differs", Severity.INFO, at, f"{text}; {_DRAWN}")
        return
    if run is not None and session_at is not None and elsewhere:
        text = (
            f"{text}: {cell_label(session_at)} set it last in your session, {cell_label(run)} in "
            "the clean run"
        )
    elif at is not None:
        text = f"{text}: {cell_label(at)} sets it{', and was edited after it ran' * edited}"
    else:
        text = f"{text}: no cell is seen to set it"
    yield _check("live-differs", Severity.WARNING, at, text)


def _how(here: NameFact, there: NameFact) -> str:
    if here.type != there.type:
        return f"is a {here.type} in your session and a {there.type} in the clean run"
    if here.form == there.form:
        shape = f" ({here.summary})" if here.summary else ""
        return f"has other values than in the clean run, in the same form{shape}"
    if here.summary and there.summary and here.summary != there.summary:
        return f"is {here.summary} in your session and {there.summary} in the clean run"
    return f"has another form than in the clean run ({here.type})"


def _aliases(session: _Session, snapshot: Snapshot) -> Iterator[Check]:
    """Yield the pairs of names that are one object here and two there, or the other way round."""
    both = session.live.snapshot.names.keys() & snapshot.names.keys()
    here, there = _pairs(session.live.snapshot.aliases), _pairs(snapshot.aliases)
    for first, second in sorted(here ^ there):
        if first not in both or second not in both:
            continue
        at = max(
            (cell for name in (first, second) if (cell := session.set_here(name)) is not None),
            default=None,
        )
        where = ("your session", "the clean run")
        one, other = where if (first, second) in here else reversed(where)
        text = (
            f"`{first}` and `{second}` share an object in {one} and not in {other}: changing one "
            "changes the other only there"
        )
        yield _check("live-alias", Severity.WARNING, at, text)


def _pairs(groups: tuple[tuple[str, ...], ...]) -> set[tuple[str, str]]:
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


def _outputs(session: _Session, clean: CleanRun, executed: dict[str, Any]) -> Iterator[Check]:
    published = _published(read_cells(executed))
    for cell in session.code():
        other = published.get(cell.index)
        if other is None or other.source.rstrip() != cell.source.rstrip():
            text = f"{cell.label} was changed after the clean run, or is not part of it"
            yield _check("live-changed", Severity.INFO, cell.index, text)
            continue
        if cell.index not in session.ran and not cell.outputs:
            continue
        differences = compare_outputs(other.outputs, cell.outputs)
        if not differences:
            continue
        more = len(differences) - MAX_NAMED
        named = "; ".join(differences[:MAX_NAMED]) + (f"; and {more} more" if more > 0 else "")
        text = f"{cell.label} shows something else than in the clean run: {named}"
        if cell.index in clean.unstable_cells:
            text = f"{text}; two clean runs differ here as well"
            yield _check("live-output", Severity.INFO, cell.index, text)
        elif cell.index in session.following:
            yield _check("live-output", Severity.INFO, cell.index, f"{text}; {session.apart}")
        elif cell.index in session.random:
            yield _check("live-output", Severity.INFO, cell.index, f"{text}; {_DRAWN}")
        else:
            yield _check("live-output", Severity.WARNING, cell.index, text)


def _published(cells: tuple[Cell, ...]) -> dict[int, Cell]:
    """Return index in the published notebook → cell of an executed one.

    The project notes it in each cell's metadata (``galley.cell``); a notebook without the note
    counts its own cells, without the ones that were injected.
    """
    noted = {
        galley["cell"]: cell
        for cell in cells
        if isinstance(galley := cell.metadata.get("galley"), dict)
        and isinstance(galley.get("cell"), int)
    }
    own = (cell for cell in cells if "injected-parameters" not in cell.tags)
    return noted or dict(enumerate(own))


def _labels(indexes: list[int]) -> str:
    labels = [cell_label(index) for index in indexes[:MAX_NAMED]]
    if len(indexes) > MAX_NAMED:
        labels = [*labels, f"{len(indexes) - MAX_NAMED} more"]
    if len(labels) == 1:
        return labels[0]
    return f"{', '.join(labels[:-1])} and {labels[-1]}"


def _check(code: str, severity: Severity, cell: int | None, message: str) -> Check:
    return Check(code=code, severity=severity, cell=cell, message=message)
