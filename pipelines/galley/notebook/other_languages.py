"""Notebooks in other languages than Python: one task each, and what text alone tells of them.

Nothing of their code is understood, so nothing is cut and no package is locked. The lines of a
parameters cell are read all the same where they are plain assignments of literals, in R and Julia::

    n_trees <- 200L        # trees in the forest
    since = "2026-01-01"
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from galley.domain.documents import other_language
from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Check, Severity
from galley.notebook.conversions import JULIA_KEYWORD, R_KEYWORD
from galley.notebook.parameter_cell import RESERVED
from galley.notebook.source import PARAMETERS_TAG, Cell, notebook_metadata
from galley.notebook.values import json_type

_SPELLED = {"r": "R", **{name: name for name in ("bash", "julia", "matlab", "scala")}}
"""Languages as papermill spells them, by which it looks for how to write values into a notebook."""

WRITTEN = frozenset(
    {*_SPELLED.values(), ".net-csharp", ".net-fsharp", ".net-powershell"}
    | {"pysparkkernel", "sparkkernel", "sparkrkernel"}
)
"""The languages, and names of kernels, that papermill writes values in."""

_R_LARGEST = 2**31 - 1

_TEXT = r'"(?:[^"\\]|\\.)*"'
_STRING = re.compile(_TEXT, re.DOTALL)
_NUMBER = re.compile(r"-?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(r"-?\d[\d_]*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BEGINNING = re.compile(r"[A-Za-z._][\w.]*")
_TO_THE_RIGHT = re.compile(r"->>?[ \t]*([A-Za-z._][\w.]*)\Z")
_QUOTED = re.compile(rf"{_TEXT}|'(?:[^'\\]|\\.)*'")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "$": "$"}
_INSTALLS = re.compile(r"\b(?:install\.packages|install_(?:github|cran|version)|Pkg\.add)\s*\(")
_OPEN, _CLOSED = "([{", ")]}"
_PIECES = (
    r'"""[\s\S]*?(?:"""|\Z)',
    rf"{_TEXT}|'(?:[^'\\]|\\.)*'",
    r"[\"'][\s\S]*",  # a text that does not end
    r"#[^\n]*",
    r"[\n;()\[\]{}]",
    r"[^\n;()\[\]{}\"'#]+",
)
_TOKEN = re.compile("|".join(_PIECES), re.DOTALL)
_BLOCK_TOKEN = re.compile("|".join([r"#=[\s\S]*?(?:=#|\Z)", *_PIECES]), re.DOTALL)
_GOES_ON = ("<-", "=", "+", "-", "*", "/", ",", "&", "|", "~", "^", "%", ">", "<", "!", "?", ":")
"""What a line ends with that is not the end of its statement."""
LONGEST = 1000
"""Characters of a number; more of them are none that anybody has written."""


def kernel_of(notebook: dict[str, Any]) -> dict[str, Any] | None:
    """Return the ``kernelspec`` that a notebook in another language needs; None: it is Python."""
    language = other_language(notebook)
    if language is None:
        return None
    named = notebook_metadata(notebook).get("kernelspec", {})
    default = {"display_name": language, "name": language.lower()}
    spelled = _SPELLED.get(language.lower(), language)
    return {**default, **(named if isinstance(named, dict) else {}), "language": spelled}


def language_check(kernel: dict[str, Any]) -> Check:
    """Return what is to be said of a notebook whose ``kernelspec`` is not Python's."""
    speaks = f"the notebook's kernel speaks {kernel['language']}"
    if WRITTEN.isdisjoint({kernel["language"], kernel["name"]}):
        return Check(
            code="not-python",
            severity=Severity.ERROR,
            message=f"{speaks}, in which papermill cannot write the values of a run; it can in "
            "Python, R, Julia, Scala, Matlab and bash",
        )
    return Check(
        code="not-python",
        severity=Severity.WARNING,
        message=f"{speaks}: its cells are not read, so it becomes one task, and no packages are "
        f"locked; each run has those that the kernel {kernel['name']!r} has where it runs",
    )


def text_checks(cell: Cell) -> Iterator[Check]:
    """Yield what the text of a code cell tells, whatever its language: calls that install."""
    for line, text in enumerate(cell.source.splitlines(), start=1):
        if match := _INSTALLS.search(text.partition("#")[0]):
            yield Check(
                code="installs-packages",
                severity=Severity.WARNING,
                cell=cell.index,
                line=line,
                message=f"{cell.label}, line {line} installs packages while it runs "
                f"({match[0].rstrip('( ')}); every run does, and may get others than were "
                "rehearsed",
            )


def quoted_texts(cell: Cell) -> Iterator[tuple[int, str]]:
    """Yield (line, text) for each literal text within a line of a code cell."""
    for line, source in enumerate(cell.source.splitlines(), start=1):
        yield from ((line, match[0][1:-1]) for match in _QUOTED.finditer(source))


class _Statement(NamedTuple):
    """A statement on the outermost level of a cell.

    Attributes:
        line: its first one, from 1.
        text: without comments.
        comment: what follows it on its last line.
    """

    line: int
    text: str
    comment: str


def _statements(source: str, *, blocks: bool) -> Iterator[_Statement]:
    """Yield the statements; an unclosed bracket or text is one to the end of the cell.

    Args:
        blocks: whether ``#=`` begins a comment of several lines, to ``=#``.
    """
    parts: list[str] = []
    line, first, depth = 1, 1, 0

    def ended(comment: str = "") -> Iterator[_Statement]:
        text = "".join(parts).strip()
        if depth == 0 and not text.endswith(_GOES_ON):
            parts.clear()
            if text:
                yield _Statement(first, text, comment)

    for piece in (_BLOCK_TOKEN if blocks else _TOKEN).findall(source):
        if piece.startswith("#"):
            if not (blocks and piece.startswith("#=")):
                yield from ended(piece.lstrip("#").strip())
        elif piece in "\n;":
            yield from ended()
            parts += [piece] if parts else []
        else:
            first = first if parts else line
            parts += [piece] if parts or piece.strip() else []
            depth += (piece in _OPEN) - (piece in _CLOSED)
        line += piece.count("\n")
    if text := "".join(parts).strip():
        yield _Statement(first, text, "")


def _r_literal(text: str) -> Any:
    words = {"TRUE": True, "FALSE": False, "NULL": None}
    if text in words:
        return words[text]
    if text.endswith("L") and _WHOLE.fullmatch(text[:-1]) and "_" not in text:
        number = _finite(text[:-1])
        return int(number) if abs(number) <= _R_LARGEST else number  # as R has it
    if _is_number(text) and "_" not in text:
        return _finite(text)
    if text[:1] in {'"', "'"} and _QUOTED.fullmatch(text):
        return _unescaped(text[1:-1])
    raise ValueError("it is no number, text, TRUE, FALSE or NULL")


def _julia_literal(text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        return [_julia_scalar(one) for one in _entries(text[1:-1])]
    return _julia_scalar(text)


def _julia_scalar(text: str) -> Any:
    words = {"true": True, "false": False, "nothing": None}
    if text in words:
        return words[text]
    if len(text) <= LONGEST and _WHOLE.fullmatch(text):
        return int(text)
    if _is_number(text):
        return _finite(text)
    if text[:1] == '"' and _QUOTED.fullmatch(text) and "$" not in _ESCAPE.sub("", text):
        return _unescaped(text[1:-1])
    raise ValueError("it is no number, text, true, false, nothing or vector of these")


def _entries(inner: str) -> list[str]:
    """Return what stands between the commas of a vector; one after the last counts for nothing."""
    found, entry, at = [], "", 0
    while at < len(inner):
        match = _STRING.match(inner, at) if inner[at] == '"' else None
        piece = inner[at] if match is None else match[0]
        at += len(piece)
        if piece == ",":
            found.append(entry.strip())
            entry = ""
        else:
            entry += piece
    return [*found, *([entry.strip()] if entry.strip() else [])]


def _is_number(text: str) -> bool:
    return len(text) <= LONGEST and _NUMBER.fullmatch(text) is not None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("it is not a finite number")
    return value


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise ValueError(f"its escape \\{match[1]} is not read")
        return _ESCAPES[match[1]]

    return _ESCAPE.sub(one, text)


_ASSIGNMENTS = {
    "r": (re.compile(r"([A-Za-z._][\w.]*)\s*(?:<-|=(?!=))"), _r_literal),
    "julia": (re.compile(r"([A-Za-z_]\w*)(?:::[\w{}, ]{1,60})?\s*=(?!=)"), _julia_literal),
}
"""Language → how an assignment begins, and what reads the literal that follows."""


def read_parameters(cells: tuple[Cell, ...], language: str) -> tuple[ParameterSchema, list[Check]]:
    """Return the parameters that a notebook's ``parameters`` cell sets, and what was not read.

    Types are those of the values. In R a whole number is one only with its ``L``, as R has it.
    """
    tagged = [cell for cell in cells if PARAMETERS_TAG in cell.tags and cell.type == "code"]
    if not tagged:
        return ParameterSchema(), []
    cell = tagged[0]
    if language.lower() not in _ASSIGNMENTS:
        unread = (
            f"parameters are read in Python, R and Julia, not in {language}: every run uses the "
            "values that stand here"
        )
        return ParameterSchema(), [_finding(cell, 1, unread)]
    beginning, literal = _ASSIGNMENTS[language.lower()]
    properties: dict[str, dict[str, Any]] = {}
    checks: list[Check] = []
    for one in _statements(cell.source, blocks=language.lower() == "julia"):
        match = beginning.match(one.text)
        name = match[1] if match else _first_name(one.text)
        code, severity = "not-a-parameter", Severity.WARNING
        why: str | None = None
        try:
            if name in properties:
                del properties[name]
                why = (
                    f"`{name}` is set twice, so it is no parameter: a run could set only the first"
                )
            elif match is None and name == "const":
                why = "a constant cannot be set by a run; leave `const` out"
            elif match is None:
                why = "this is not a plain assignment to a name and makes no parameter"
            elif not _NAME.fullmatch(match[1]):
                why = f"`{name}` is no parameter: its name may have letters, digits and `_` only"
            elif name in RESERVED:
                code, severity = "reserved-parameter", Severity.ERROR
                why = f"`{name}` is a name that Ploomber sets itself; rename the parameter"
            else:
                value = literal(one.text[match.end() :].strip())
                properties[name] = _schema(language, name, value, one.comment)
        except ValueError as error:
            code = "non-literal-parameter"
            why = f"`{name}` is no parameter, because of its value: {error}"
        if why is not None:
            checks.append(_finding(cell, one.line, why, code, severity))
    return ParameterSchema(properties=properties, cell=cell.index), checks


def _first_name(text: str) -> str:
    """Return what a statement may set: ``n`` of ``n += 1`` and of ``5 -> n``."""
    match = _TO_THE_RIGHT.search(text) or _BEGINNING.match(text)
    return match[match.lastindex or 0] if match else ""


def _schema(language: str, name: str, value: Any, description: str) -> dict[str, Any]:
    schema: dict[str, Any] = {} if value is None else {"type": json_type(value)}
    if isinstance(value, list) and len(kinds := {json_type(one) for one in value}) == 1:
        schema["items"] = {"type": kinds.pop()}
    match language.lower(), schema.get("type"):
        case "r", "integer":
            schema |= {R_KEYWORD: f"as.integer({name})"}
            schema |= {"minimum": -_R_LARGEST, "maximum": _R_LARGEST}
        case "julia", "number":
            schema[JULIA_KEYWORD] = f"Float64({name})"
    schema["default"] = value
    return {**schema, "description": description} if description else schema


def _finding(
    cell: Cell,
    line: int,
    why: str,
    code: str = "not-a-parameter",
    severity: Severity = Severity.WARNING,
) -> Check:
    return Check(
        code=code,
        severity=severity,
        cell=cell.index,
        line=line,
        message=f"{cell.label} (parameters), line {line}: {why}",
    )
