"""How a notebook is cut into tasks, and what a rehearsal saw at each cut.

Glossary
    section    the cells below one heading (or one ``task:NAME`` tag): where a cut is wished
    layout     which cells form which task, as the author arranged them
    plan       the layout after the rules: what may not be cut is merged, edges are known
    crossing   a variable that one task hands over to another
    fragment   source that is repeated in a task: an import, a function, a class, a setting
    snapshot   what a namespace held after a cell: a fingerprint of each variable, never a value
    state      a pseudo-variable: process state that cells share behind the names
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from galley.domain.model import Model


class SplitSource(StrEnum):
    """Where the proposed boundaries come from."""

    TAGS = "tags"
    HEADINGS = "headings"
    AUTHOR = "author"
    NONE = "none"


class TaskLayout(Model):
    """One task as its author wants it: a name and its cells (indexes over all cells, from 0)."""

    name: str = Field(min_length=1, max_length=80)
    title: str = Field(default="", max_length=200)
    cells: tuple[int, ...] = Field(min_length=1)


class SplitLayout(Model):
    """The author's own arrangement; tasks in the order of the notebook, cells in one piece.

    One task with all the cells asks for no split.
    """

    tasks: tuple[TaskLayout, ...] = Field(min_length=1, max_length=200)


class Fragment(Model):
    """Source of a cell that a task repeats before its own cells: whole statements.

    Attributes:
        cell: index of the cell it stands in.
        line: first line of it within that cell, from 1.
        names: what it binds; empty for a setting such as ``pd.set_option(...)``.
    """

    cell: int
    line: int
    source: str
    names: tuple[str, ...] = ()


class Load(Model):
    """What a task takes from one task before it."""

    task: str
    names: tuple[str, ...]


class Save(Model):
    """Variables that a task hands over in one file: more than one where they share objects."""

    names: tuple[str, ...]


class PlannedTask(Model):
    """One task of a plan.

    Attributes:
        name: a lower-case identifier, unique in the plan; also the notebook's file name.
        title: the heading, for people.
        cells: its cells, Markdown included, in the notebook's order.
        upstream: names of the tasks it waits for: those it loads from, and those whose files or
            other effects it needs.
        fragments: hoisted before its own cells, in the notebook's order.
        parameters: names of the pipeline's parameters that its cells or fragments use.
        loads, saves: what crosses its boundaries.
        states: process state that it takes over from, and hands on along, its loads and saves:
            ``random``, ``numpy.random``, ``torch``.
    """

    name: str
    title: str = ""
    cells: tuple[int, ...]
    upstream: tuple[str, ...] = ()
    fragments: tuple[Fragment, ...] = ()
    parameters: tuple[str, ...] = ()
    loads: tuple[Load, ...] = ()
    saves: tuple[Save, ...] = ()
    states: tuple[str, ...] = ()


class Crossing(Model):
    """One variable on one edge of the graph.

    Attributes:
        type, size: what a rehearsal saw: qualified type, approximate bytes; None before one.
    """

    producer: str
    consumer: str
    name: str
    type: str | None = None
    size: int | None = None


class Merge(Model):
    """A boundary that was wished and is not cut.

    Attributes:
        tasks: names of the wished tasks on its two sides (of all of them when more are merged).
        code: stable: ``generator``, ``open-file``, ``connection``, ``figure``, ``alias``,
            ``hidden-state``, ``unreadable``, ``not-transferable``, ``names-twice``, ``unproved`` …
        reason: one sentence that names the cell and the variable.
        cells: the cells it points at.
    """

    tasks: tuple[str, ...]
    code: str
    reason: str
    cells: tuple[int, ...] = ()


class SplitPlan(Model):
    """The tasks a notebook is cut into; one task is always a valid answer.

    Attributes:
        wished: the boundaries before any rule, for people to rearrange.
        order: (before, after) pairs of task names whose edge carries no variable but an effect:
            a check, a file written and read, process state.
        reason: why there is only one task; None when there are more.
    """

    source: SplitSource
    wished: SplitLayout | None = None
    tasks: tuple[PlannedTask, ...]
    crossings: tuple[Crossing, ...] = ()
    order: tuple[tuple[str, str], ...] = ()
    merges: tuple[Merge, ...] = ()
    reason: str | None = None

    @property
    def is_split(self) -> bool:
        """Whether there is more than one task."""
        return len(self.tasks) > 1


class NameFact(Model):
    """What a snapshot says of one variable.

    Attributes:
        type: qualified name, such as ``pandas.DataFrame``; ``module.Class`` of its type.
        digest: SHA-256 of its canonical value; None where it cannot be compared (``why``).
        form: SHA-256 of its structure without values: type, shape, dtypes, columns, keys.
        size: approximate bytes, where known.
        summary: a few words for people: ``569 × 31 float64``; never a value of the data.
        why: why it cannot be compared.
        stuck: why it cannot be handed over to another process; None where it can.
    """

    type: str
    digest: str | None = None
    form: str = ""
    size: int | None = None
    summary: str = ""
    why: str | None = None
    stuck: str | None = None


class Snapshot(Model):
    """A namespace after one cell.

    Attributes:
        cell: index of the published cell after which it was taken.
        names: variable → fact; IPython's own names and modules' dunder names are left out.
        aliases: groups of two or more variables that reach the same mutable object; a variable
            may be in several.
        states: ``random``, ``numpy.random``, ``torch``, ``cwd``, ``environ``, ``figures`` → digest.
    """

    cell: int
    names: dict[str, NameFact] = Field(default_factory=dict)
    aliases: tuple[tuple[str, ...], ...] = ()
    states: dict[str, str] = Field(default_factory=dict)


class Observed(Model):
    """What a plain run showed: a snapshot after the last code cell of each wished section."""

    snapshots: tuple[Snapshot, ...] = ()
