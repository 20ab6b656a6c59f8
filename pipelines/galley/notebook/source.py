"""Cells of a notebook, and the Python that IPython makes of each.

Line numbers are those the author sees in the cell, counted from 1.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from IPython.core.inputtransformer2 import TransformerManager

from galley.domain.documents import as_notebook
from galley.errors import InvalidInput
from galley.notebook.tree import walk

T = TypeVar("T")

PARAMETERS_TAG = "parameters"
RAISES_TAG = "raises-exception"

BODY_MAGICS = frozenset({"capture", "prun", "time"})
"""Cell magics whose body is Python that runs in the notebook's own namespace."""

_CELL_TYPES = ("code", "markdown", "raw")
_CELL_MAGIC = re.compile(r"%%([A-Za-z_][\w.]*)[ \t]*([^\n]*)\n?")
_LONG_TEXT = re.compile(r"\"{3}|'{3}")
_BLANK_LINE = re.compile(r"^[ \t]+$", re.MULTILINE)
_ONE_LINE = re.compile(r"([ \t]*)(?=\S)((?:\w[\w ,]*=[ \t]*)?[%!][^%\n].*[^\\\s?]|[%!]\w)[ \t]*")
"""A magic or shell line that does not go on below it, perhaps with names for what it returns."""
_LEADING_BLANK = re.compile(r"(?:[ \t]*\n)*")


def cell_label(index: int) -> str:
    """Return how people call the cell at ``index`` (from 0): ``"cell 1"`` for the first."""
    return f"cell {index + 1}"


@dataclass(frozen=True)
class Code:
    """The Python of a code cell.

    Attributes:
        tree: None where the cell is not Python (``%%bash``) or has a syntax error.
        error: message and line of the syntax error.
        magic: name of the cell magic, if any.
        argument: what follows the cell magic on its line.
    """

    tree: ast.Module | None
    error: tuple[str, int] | None = None
    magic: str | None = None
    argument: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell; ``index`` counts from 0 over all cells."""

    index: int
    type: str
    source: str
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    outputs: tuple[dict[str, Any], ...]
    execution_count: int | None
    id: str | None
    attachments: dict[str, Any]

    @property
    def label(self) -> str:
        """How people call it."""
        return cell_label(self.index)

    @cached_property
    def code(self) -> Code:
        """The cell as Python; an empty module where it is not code."""
        if self.type != "code":
            return Code(tree=ast.Module(body=[], type_ignores=[]))
        return parse(self.source)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the cell's Python, level by level; do not change them."""
        return () if self.code.tree is None else tuple(walk(self.code.tree))

    @cached_property
    def kinds(self) -> frozenset[Any]:
        """The types of the cell's nodes: what none is of need not be looked for."""
        return frozenset(map(type, self.nodes))

    @cached_property
    def texts(self) -> tuple[ast.Constant, ...]:
        """The literal texts of the cell's Python, without what stands there as a comment does."""
        alone = {id(node.value) for node in self.nodes if type(node) is ast.Expr}
        constants = [node for node in self.nodes if type(node) is ast.Constant]
        return tuple(
            node for node in constants if isinstance(node.value, str) and id(node) not in alone
        )


def parse(source: str) -> Code:
    """Return the Python that IPython would run for ``source``.

    Raises:
        RecursionError, MemoryError: on hostile source; call it in a limited process.
    """
    blank = _LEADING_BLANK.match(source)
    start = blank.end() if blank else 0
    offset = source.count("\n", 0, start)
    if match := _CELL_MAGIC.match(source, start):
        magic, argument = match[1], match[2].strip()
        if magic not in BODY_MAGICS:
            return Code(tree=ast.Module(body=[], type_ignores=[]), magic=magic, argument=argument)
        body = parse(source[match.end() :])
        return _shifted(replace(body, magic=magic, argument=argument), offset + 1)
    try:
        return _shifted(Code(_tree(source[start:])), offset)
    except SyntaxError as error:
        return Code(None, (error.msg, (error.lineno or 1) + offset))
    except ValueError as error:
        return Code(None, (str(error), 1 + offset))


def _tree(source: str) -> ast.Module:
    """Return the module that IPython would run; raises SyntaxError or ValueError.

    What is Python as it stands is not changed by IPython, whose reading takes much longer.
    Exceptions are its own prompts (``In [1]: x`` is an annotation to Python) and blank lines in
    text over several lines, which it strips.
    """
    if "In [" not in source and not (_LONG_TEXT.search(source) and _BLANK_LINE.search(source)):
        try:
            return _compiled(source)
        except SyntaxError:
            pass
        found = _by_lines(source)
        if found is not None:
            return found
    return _compiled(_transformed(source))


def _by_lines(source: str) -> ast.Module | None:
    """Return the module where its magics and shell lines are whole lines, read one by one.

    IPython reads a cell again for each of them, all of it. None where a line may belong to
    something longer, such as a text: then only IPython can tell.
    """
    lines = source.split("\n")
    changed = set()
    for number, line in enumerate(lines, 1):
        match = _ONE_LINE.fullmatch(line)
        if match is not None:
            changed.add(number)
            lines[number - 1] = match[1] + _line(match[2])
    try:
        tree = _compiled("\n".join(lines))
    except SyntaxError:
        return None
    found = {
        node.lineno
        for node in walk(tree)
        if isinstance(node, ast.Expr | ast.Assign) and node.lineno == node.end_lineno
    }
    return tree if changed <= found else None


@lru_cache(maxsize=4096)
def _line(source: str) -> str:
    return _transformed(source)


def _transformed(source: str) -> str:
    python: str = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
    return python.removesuffix("\n")


def _compiled(python: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings(action="ignore"):
        tree = compile(python, "<cell>", "exec", flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def _shifted(code: Code, lines: int) -> Code:
    if code.error is not None:
        return replace(code, error=(code.error[0], code.error[1] + lines))
    if code.tree is not None and lines:
        ast.increment_lineno(code.tree, lines)
    return code


def joined(value: Any, what: str) -> str:
    """Return text that nbformat stores as a string or as a list of lines.

    Raises:
        InvalidInput: it is neither, or cannot be stored as UTF-8.
    """
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    if not isinstance(value, str):
        raise InvalidInput(f"{what} is not text but {type(value).__name__}", field="notebook")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{what} holds a character that cannot be stored as UTF-8 "
            f"(a lone surrogate at position {error.start}); delete it",
            field="notebook",
        ) from error
    return value


def _part(raw: dict[str, Any], name: str, kind: type[T], label: str) -> T:
    value = raw.get(name, kind())
    if not isinstance(value, kind):
        raise InvalidInput(
            f"{name} of {label} is {type(value).__name__}, not {kind.__name__}; "
            "save the notebook in JupyterLab once, which repairs it",
            field="notebook",
        )
    return value


def _cell(index: int, raw: Any) -> Cell:
    label = cell_label(index)
    if not isinstance(raw, dict) or raw.get("cell_type") not in _CELL_TYPES:
        kind = raw.get("cell_type") if isinstance(raw, dict) else type(raw).__name__
        raise InvalidInput(
            f"{label} has the type {kind!r}; allowed: {', '.join(_CELL_TYPES)}", field="notebook"
        )
    metadata: dict[str, Any] = _part(raw, "metadata", dict, label)
    outputs: list[Any] = _part(raw, "outputs", list, label)
    tags: list[Any] = _part(metadata, "tags", list, label)
    count, identity = raw.get("execution_count"), raw.get("id")
    return Cell(
        index=index,
        type=raw["cell_type"],
        source=joined(raw.get("source", ""), f"the source of {label}"),
        tags=tuple(str(tag) for tag in tags),
        metadata=metadata,
        outputs=tuple(output for output in outputs if isinstance(output, dict)),
        execution_count=count if isinstance(count, int) else None,
        id=identity if isinstance(identity, str) else None,
        attachments=_part(raw, "attachments", dict, label),
    )


def read_cells(notebook: dict[str, Any]) -> tuple[Cell, ...]:
    """Return the cells of a notebook (nbformat 4 JSON).

    Raises:
        InvalidInput: it is not an nbformat 4 notebook.
    """
    cells: list[Any] = as_notebook(notebook, "this")["cells"]
    if not isinstance(notebook.get("metadata", {}), dict):
        raise InvalidInput("the notebook's metadata is not a mapping", field="notebook")
    return tuple(_cell(index, raw) for index, raw in enumerate(cells))


def notebook_metadata(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook's metadata; empty where there is none."""
    metadata = notebook.get("metadata", {})
    return metadata if isinstance(metadata, dict) else {}


def galley_metadata(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return ``metadata.galley`` of a notebook; empty where there is none."""
    galley = notebook_metadata(notebook).get("galley", {})
    return galley if isinstance(galley, dict) else {}


def title_of(cells: tuple[Cell, ...]) -> str | None:
    """Return the text of the first Markdown heading, without its marks."""
    for cell in cells:
        if cell.type != "markdown":
            continue
        fenced = False
        for line in cell.source.splitlines():
            if line.lstrip().startswith(("```", "~~~")):
                fenced = not fenced
            elif not fenced and (match := re.match(r" {0,3}#{1,6}\s+(.+?)\s*#*\s*$", line)):
                text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}", r"\1", match[1])
                return text.strip() or None
    return None
