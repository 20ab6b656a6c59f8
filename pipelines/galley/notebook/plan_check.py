"""Whether a plan is one of this notebook: what the service asks of every plan it is handed.

A rehearsal runs with its author's rights, so the plan that it reports as proved is a claim. What
reviewers see is the notebook; nothing that they did not see may enter its tasks.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterator
from typing import NoReturn

from galley.domain.parameters import ParameterSchema
from galley.domain.split import Fragment, PlannedTask, SplitPlan
from galley.errors import InvalidInput
from galley.notebook.source import Cell, cell_label

STATES = frozenset({"random", "numpy.random", "torch"})
"""Process state that one task may take over from another."""


def check_plan(cells: tuple[Cell, ...], schema: ParameterSchema, plan: SplitPlan) -> None:
    """Do nothing if ``plan`` only rearranges what the notebook holds.

    Raises:
        InvalidInput: a cell is missing, there twice or out of order; a fragment is not whole
            statements of its cell; an edge leads nowhere or back; a name is not one.
    """
    _names(plan)
    _cells(cells, plan)
    _edges(plan)
    for task in plan.tasks:
        for fragment in task.fragments:
            _fragment(cells, task, fragment)
        if unknown := set(task.states) - STATES:
            _refuse(f"task {task.name!r} takes over a state {min(unknown)!r}")
        for name in task.parameters:
            if name not in schema.properties:
                _refuse(f"task {task.name!r} asks for the parameter {name!r}, which there is not")


def _refuse(why: str) -> NoReturn:
    raise InvalidInput(f"The plan is not one of this notebook: {why}.", field="plan")


def _names(plan: SplitPlan) -> None:
    names = [task.name for task in plan.tasks]
    if len(set(names)) != len(names):
        _refuse("two tasks have the same name")
    for name in [*names, *_variables(plan)]:
        if not name.isidentifier() or keyword.iskeyword(name):
            _refuse(f"{name!r} cannot be a name")


def _variables(plan: SplitPlan) -> Iterator[str]:
    for task in plan.tasks:
        for load in task.loads:
            yield from load.names
        for save in task.saves:
            yield from save.names


def _cells(cells: tuple[Cell, ...], plan: SplitPlan) -> None:
    order = [index for task in plan.tasks for index in task.cells]
    if order != sorted(set(order)):
        _refuse("its tasks do not have each cell once, in the notebook's order")
    if any(not 0 <= index < len(cells) for index in order):
        _refuse(f"the notebook has {len(cells)} cells")
    hoisted = {fragment.cell for task in plan.tasks for fragment in task.fragments}
    for cell in cells:
        if cell.type != "code" or not cell.source.strip() or cell.index in order:
            continue
        if cell.index not in hoisted and cell.code.tree is not None and cell.code.tree.body:
            unused = all(_binds_only(statement) for statement in cell.code.tree.body)
            if not unused:
                _refuse(f"no task runs {cell.label}")


def _binds_only(statement: object) -> bool:
    """Whether leaving a statement out where nothing uses its names changes nothing."""
    return isinstance(
        statement,
        ast.Import
        | ast.ImportFrom
        | ast.FunctionDef
        | ast.AsyncFunctionDef
        | ast.ClassDef
        | ast.Assign
        | ast.AnnAssign,
    )


def _edges(plan: SplitPlan) -> None:
    before: set[str] = set()
    for task in plan.tasks:
        sources = {*task.upstream, *(load.task for load in task.loads)}
        if missing := sources - before:
            _refuse(f"task {task.name!r} waits for {min(missing)!r}, which does not come before it")
        if not {load.task for load in task.loads} <= set(task.upstream):
            _refuse(f"task {task.name!r} loads from a task that it does not wait for")
        before.add(task.name)


def _fragment(cells: tuple[Cell, ...], task: PlannedTask, fragment: Fragment) -> None:
    where = f"task {task.name!r} repeats {cell_label(fragment.cell)}, line {fragment.line}"
    if not 0 <= fragment.cell < len(cells) or cells[fragment.cell].code.tree is None:
        _refuse(f"{where}, which is not there")
    cell = cells[fragment.cell]
    lines = fragment.source.rstrip("\n").split("\n")
    start = fragment.line - 1
    if cell.source.split("\n")[start : start + len(lines)] != lines:
        _refuse(f"{where}, with another text")
    assert cell.code.tree is not None
    first = {
        min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", []))])
        for statement in cell.code.tree.body
    }
    if fragment.line not in first:
        _refuse(f"{where}, which is not the beginning of a statement")
