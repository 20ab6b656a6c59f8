"""Where a notebook wishes to be cut: tags, headings, or the author's own layout."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from galley.domain.split import Merge, SplitLayout, SplitSource, TaskLayout
from galley.errors import InvalidInput
from galley.notebook.source import Cell, cell_label

MAX_NAME = 40
MAX_TITLE = 200
_TAG = "task:"
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]*(?![#])(.*?)[ \t]*#*[ \t]*$")
_HTML = re.compile(r"<h([1-6])[^>]*>(.*?)</h\1\s*>", re.IGNORECASE)
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_MARKS = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}|<[^>]+>")
_RESERVED = frozenset({"handover", "params", "pipeline", "products", "tasks", "env"})


@dataclass
class Section:
    """Cells from one boundary to the next, Markdown included."""

    title: str
    cells: list[int]


def headings(source: str) -> list[tuple[int, str]]:
    """Return (level, text without marks) of the headings of a Markdown cell."""
    found: list[tuple[int, str]] = []
    fenced = False
    before = ""
    for line in source.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            before = ""
            continue
        if fenced:
            continue
        if match := _ATX.match(line):
            found.append((len(match[1]), _plain(match[2])))
            before = ""
            continue
        found += [(int(level), _plain(text)) for level, text in _HTML.findall(line)]
        if (match := _UNDERLINE.match(line)) and before.strip() and "|" not in before:
            found.append((1 if match[1][0] == "=" else 2, _plain(before)))
        before = "" if line.lstrip().startswith(("-", "*", ">", "+")) else line
    return [(level, text) for level, text in found if text]


def _plain(text: str) -> str:
    return _MARKS.sub(r"\1", text).strip()[:MAX_TITLE]


def identifier(text: str, taken: Sequence[str] = ()) -> str:
    """Return a task's name made of a heading: lower-case, at most 40 characters, unique."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")
    name = re.sub(r"^[0-9_]+", "", name) or "task"
    if len(name) > MAX_NAME:
        name = name[:MAX_NAME].rpartition("_")[0] or name[:MAX_NAME]
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in _RESERVED:
        name = f"{name}_task"
    unique, number = name, 2
    while unique in taken:
        unique = f"{name[: MAX_NAME - 4]}_{number}"
        number += 1
    return unique


def wished_layout(
    cells: tuple[Cell, ...], works: Callable[[int], bool]
) -> tuple[SplitSource, SplitLayout | None, list[Merge]]:
    """Return the boundaries that tags or headings wish for.

    Args:
        works: whether the cell at an index does work of its own (not only imports, settings).
    """
    if not cells:
        return SplitSource.NONE, None, []
    if any(_tag(cell) for cell in cells):
        sections, merges = _tagged(cells)
        return SplitSource.TAGS, _layout(_with_work(sections, works)), merges
    for level in range(1, 7):
        sections = _headed(cells, level)
        if sum(any(map(works, one.cells)) for one in sections) >= 2:
            return SplitSource.HEADINGS, _layout(_with_work(sections, works)), []
    return SplitSource.NONE, _layout([Section("", list(range(len(cells))))]), []


def _tag(cell: Cell) -> str | None:
    found = [tag[len(_TAG) :].strip() for tag in cell.tags if tag.startswith(_TAG)]
    return found[0] if found and found[0] else None


def _tagged(cells: tuple[Cell, ...]) -> tuple[list[Section], list[Merge]]:
    sections: list[Section] = [Section("", [])]
    places: dict[str, int] = {}
    merges: list[Merge] = []
    for cell in cells:
        tag = _tag(cell)
        if tag is not None and tag != sections[-1].title:
            if tag in places:
                first = places[tag]
                between = [one.title for one in sections[first + 1 :]]
                merges.append(
                    Merge(
                        tasks=tuple(map(identifier, [tag, *between])),
                        code="names-twice",
                        reason=f"{cell.label} is tagged `task:{tag}` again, after other tasks: "
                        "what lies between belongs to it",
                        cells=(cell.index,),
                    )
                )
                for one in sections[first + 1 :]:
                    sections[first].cells += one.cells
                del sections[first + 1 :]
                places = {title: place for title, place in places.items() if place <= first}
            else:
                places[tag] = len(sections)
                sections.append(Section(tag, []))
        sections[-1].cells.append(cell.index)
    _move_markdown(cells, sections)
    return [one for one in sections if one.cells], merges


def _move_markdown(cells: tuple[Cell, ...], sections: list[Section]) -> None:
    """Let the Markdown that stands right above a task's first cell go with that task."""
    for before, after in pairwise(sections):
        while before.cells and cells[before.cells[-1]].type == "markdown":
            after.cells.insert(0, before.cells.pop())


def _headed(cells: tuple[Cell, ...], level: int) -> list[Section]:
    sections = [Section("", [])]
    for cell in cells:
        found = headings(cell.source) if cell.type == "markdown" else []
        if fitting := [text for depth, text in found if depth <= level]:
            sections.append(Section(fitting[-1], []))
        sections[-1].cells.append(cell.index)
    return [one for one in sections if one.cells]


def _with_work(sections: list[Section], works: Callable[[int], bool]) -> list[Section]:
    """Join sections without work to the next one; the last ones to the one before."""
    joined: list[Section] = []
    waiting: list[int] = []
    for one in sections:
        if any(map(works, one.cells)):
            joined.append(Section(one.title, [*waiting, *one.cells]))
            waiting = []
        else:
            waiting += one.cells
    if joined:
        joined[-1].cells += waiting
    elif waiting:
        joined.append(Section(sections[0].title, waiting))
    return joined


def _layout(sections: list[Section]) -> SplitLayout | None:
    tasks: list[TaskLayout] = []
    for one in sections[:200]:
        name = identifier(
            one.title or ("notebook" if len(sections) == 1 else "setup"), _names(tasks)
        )
        tasks.append(TaskLayout(name=name, title=one.title, cells=tuple(one.cells)))
    for one in sections[200:]:
        last = tasks[-1]
        tasks[-1] = last.model_copy(update={"cells": (*last.cells, *one.cells)})
    return SplitLayout(tasks=tuple(tasks)) if tasks else None


def _names(tasks: Sequence[TaskLayout]) -> list[str]:
    return [one.name for one in tasks]


def checked_layout(cells: tuple[Cell, ...], layout: SplitLayout) -> SplitLayout:
    """Return the author's layout with every cell in it: one left out goes with the next task.

    Raises:
        InvalidInput: a name is none or is there twice; a cell does not exist, is there twice, or
            stands before one that the notebook has above it; a code cell is left out.
    """
    names: list[str] = []
    for task in layout.tasks:
        if not task.name.isidentifier() or keyword.iskeyword(task.name) or task.name in names:
            raise InvalidInput(
                f"{task.name!r} cannot be a task's name: it must be a Python identifier, and no "
                "other task's",
                field="layout.tasks.name",
            )
        names.append(task.name)
    order = [index for task in layout.tasks for index in task.cells]
    for index in order:
        if not 0 <= index < len(cells):
            raise InvalidInput(
                f"cell index {index} is not in this notebook, which has {len(cells)} cells",
                field="layout.tasks.cells",
            )
    for before, after in pairwise(order):
        if after <= before:
            raise InvalidInput(
                f"{cell_label(after)} cannot come after {cell_label(before)}: tasks keep the "
                "order of the notebook, and have each cell once",
                field="layout.tasks.cells",
            )
    known = set(order)
    for cell in cells:
        if cell.type == "code" and cell.source.strip() and cell.index not in known:
            raise InvalidInput(
                f"{cell.label} is in no task; add it to one", field="layout.tasks.cells"
            )
    tasks = []
    start = 0
    for number, task in enumerate(layout.tasks):
        last = number == len(layout.tasks) - 1
        end = len(cells) if last else task.cells[-1] + 1
        tasks.append(task.model_copy(update={"cells": tuple(range(start, end))}))
        start = end
    return SplitLayout(tasks=tuple(tasks))
