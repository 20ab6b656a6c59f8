"""Notebooks in other languages than Python: one task each, and what text alone tells of them.

Nothing of their code is understood, so nothing is cut and no package is locked. The lines of a
parameters cell are read all the same where they are plain assignments of literals, in R and Julia::

    n_trees <- 200L        # trees in the forest
    since = "2026-01-01"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from galley.domain.documents import other_language
from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Check, Severity
from galley.notebook.conversions import R_KEYWORD
from galley.notebook.parameter_cell import RESERVED
from galley.notebook.source import PARAMETERS_TAG, Cell, notebook_metadata
from galley.notebook.values import json_type

_SPELLED = {"r": "R", "julia": "julia"}
"""The languages as papermill spells them, which looks for how to write values by that."""

_R_INTEGERS = {"minimum": -(2**31 - 1), "maximum": 2**31 - 1}

_TEXT = r'"(?:[^"\\]|\\.)*"'
_NUMBER = r"-?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NAME = r"[A-Za-z][A-Za-z0-9_]*"
_QUOTED = re.compile(rf"{_TEXT}|'(?:[^'\\]|\\.)*'")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "$": "$"}
_INSTALLS = re.compile(r"\b(?:install\.packages|install_(?:github|cran|version)|Pkg\.add)\s*\(")


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
    return Check(
        code="not-python",
        severity=Severity.WARNING,
        message=f"the notebook's kernel speaks {kernel['language']}: its cells are not read, so it "
        f"becomes one task, and no packages are locked; each run has those that the kernel "
        f"{kernel['name']!r} has where it runs",
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


@dataclass(frozen=True)
class _Grammar:
    """How a language writes the assignment of a literal.

    Attributes:
        assignment: a whole line: ``name``, ``value`` and ``help``.
        literal: text → value; raises ValueError where it is no literal that a run can inject.
    """

    assignment: re.Pattern[str]
    literal: Callable[[str], Any]


def _r_literal(text: str) -> Any:
    words = {"TRUE": True, "FALSE": False, "NULL": None}
    if text in words:
        return words[text]
    if re.fullmatch(r"-?\d+L", text):
        return int(text[:-1])
    if re.fullmatch(_NUMBER, text) and "_" not in text:
        return _finite(text)
    if text[:1] in {'"', "'"} and _QUOTED.fullmatch(text):
        return _unescaped(text[1:-1])
    raise ValueError("it is no number, text, TRUE, FALSE or NULL")


def _julia_literal(text: str) -> Any:
    words = {"true": True, "false": False, "nothing": None}
    if text in words:
        return words[text]
    if re.fullmatch(r"-?\d[\d_]*", text):
        return int(text)
    if re.fullmatch(_NUMBER, text):
        return _finite(text)
    if re.fullmatch(_TEXT, text) and not re.search(r"(?<!\\)(?:\\\\)*\$", text):
        return _unescaped(text[1:-1])
    if text.startswith("[") and text.endswith("]"):
        inner = re.findall(rf"\s*({_TEXT}|[^,\"]+?)\s*(?:,|\Z)", text[1:-1])
        return [_julia_literal(one) for one in inner]
    raise ValueError("it is no number, text, true, false, nothing or vector of these")


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


def _assignment(name: str, sign: str) -> re.Pattern[str]:
    value = rf"(?P<value>(?:{_TEXT}|'(?:[^'\\]|\\.)*'|[^#\"'])+?)"
    return re.compile(rf"\s*{name}\s*{sign}\s*{value}\s*;?\s*(?:#+\s*(?P<help>.*?)\s*)?")


_GRAMMARS = {
    "r": _Grammar(_assignment(rf"(?P<name>{_NAME})", "(?:<-|=(?!=))"), _r_literal),
    "julia": _Grammar(
        _assignment(rf"(?:const\s+)?(?P<name>{_NAME})(?:::[\w{{}}, ]+?)?", "=(?!=)"),
        _julia_literal,
    ),
}


def read_parameters(cells: tuple[Cell, ...], language: str) -> tuple[ParameterSchema, list[Check]]:
    """Return the parameters that a notebook's ``parameters`` cell sets, and what was not read.

    Types are those of the values. In R a whole number is one only with its ``L``, as R has it.
    """
    tagged = [cell for cell in cells if PARAMETERS_TAG in cell.tags and cell.type == "code"]
    if not tagged:
        return ParameterSchema(), []
    cell = tagged[0]
    grammar = _GRAMMARS.get(language.lower())
    if grammar is None:
        why = (
            f"parameters are read in Python, R and Julia, not in {language}: every run uses the "
            "values that stand here"
        )
        return ParameterSchema(), [_finding(cell, 1, why)]
    properties: dict[str, dict[str, Any]] = {}
    checks: list[Check] = []
    for line, source in enumerate(cell.source.splitlines(), start=1):
        if not source.partition("#")[0].strip():
            continue
        match = grammar.assignment.fullmatch(source)
        if match is None:
            why = "this is not a plain assignment to a name and makes no parameter"
            checks.append(_finding(cell, line, why))
            continue
        name = match["name"]
        if name in RESERVED:
            why = f"`{name}` is a name that Ploomber sets itself; rename the parameter"
            checks.append(_finding(cell, line, why, "reserved-parameter", Severity.ERROR))
            continue
        try:
            value = grammar.literal(match["value"])
        except ValueError as error:
            why = f"`{name}` is no parameter, because of its value: {error}"
            checks.append(_finding(cell, line, why, "non-literal-parameter"))
            continue
        properties[name] = _schema(language, name, value, match["help"])
    return ParameterSchema(properties=properties, cell=cell.index), checks


def _schema(language: str, name: str, value: Any, description: str | None) -> dict[str, Any]:
    schema: dict[str, Any] = {} if value is None else {"type": json_type(value)}
    if isinstance(value, list) and len(kinds := {json_type(one) for one in value}) == 1:
        schema["items"] = {"type": kinds.pop()}
    if language.lower() == "r" and schema.get("type") == "integer":
        schema |= {R_KEYWORD: f"as.integer({name})", **_R_INTEGERS}
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
