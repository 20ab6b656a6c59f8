"""Names of the notebook that stand in texts which a library evaluates where it is called."""

from __future__ import annotations

import re
from typing import Any

_FORMULA = re.compile(r"(?:[\w)\]]\s*|^\s*)~\s*[\w(+-]")
"""``y ~ x``, as patsy and formulaic read it; no path (``~/data``)."""
_USED = re.compile(r"(?<![\w.])([^\W\d]\w*)(?:\.(?=[^\W\d])|\()")
_GIVEN = re.compile(r"@([^\W\d]\w*)")
_ANY = re.compile(r"(?<![\w.])([^\W\d]\w*)")
_STATEMENT = re.compile(
    r"(?i)\s*\(?\s*(?:select|with|from|describe|summarize|create|insert|copy)\b"
)
_TABLES = re.compile(
    r"(?i)\b(?:from|join|describe|summarize|copy)\s+((?:\"?[^\W\d]\w*\"?\s*,\s*)*\"?[^\W\d]\w*)"
)
_COMMENT = re.compile(r"--[^\n]*")
_EVALUATING = frozenset({"pandas.eval", "numexpr.evaluate", "numexpr.validate"})
"""Functions whose text is an expression of the caller's variables."""
_QUERYING = frozenset({"query", "eval"})
"""Methods whose text names columns, and variables after an ``@``."""
_SQL = frozenset({"sql", "query", "execute", "sqldf", "from_query"})
"""What takes SQL, in which a table that DuckDB and its like do not know is a variable."""
_FRAMES_BY_NAME = ("duckdb.", "polars.", "pandasql.", "chdb.")


TAKING_TEXTS = frozenset({"evaluate", "validate"}) | _QUERYING | _SQL
"""Last names of what :func:`named_by_call` knows."""


def named_by_formula(text: Any) -> list[str]:
    """Return what a formula calls or takes a part of: ``np`` of ``y ~ np.log(x)``.

    Its other names are those of columns, as a rule. What is no formula names nothing.
    """
    if not isinstance(text, str) or "~" not in text or not _FORMULA.search(text):
        return []
    return _USED.findall(text)


def named_by_call(path: str | None, method: str, text: Any) -> list[str]:
    """Return the variables that a text names where it is given to a function that evaluates it.

    Args:
        path: of the library's function that is called; None for a method of some object.
        method: last name of what is called.
    """
    if not isinstance(text, str):
        return []
    if path in _EVALUATING:
        return _ANY.findall(text)
    if method in _SQL and _STATEMENT.match(statement := _COMMENT.sub("", text)):
        by_name = path is None or path.startswith(_FRAMES_BY_NAME)
        return _ANY.findall(" ".join(_TABLES.findall(statement))) if by_name else []
    return _GIVEN.findall(text) if method in _QUERYING else []
