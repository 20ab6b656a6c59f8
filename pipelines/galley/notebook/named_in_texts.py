"""Names of the notebook that stand in texts which a library evaluates where it is called."""

from __future__ import annotations

import re
from typing import Any

_FORMULA = re.compile(r"(?:[\w)\]]\s*|^\s*)~\s*[\w(+-]")
"""``y ~ x``, as patsy and formulaic read it; no path (``~/data``)."""
_USED = re.compile(r"(?<![\w.])([^\W\d]\w*)(?:\.(?=[^\W\d])|\()")
_GIVEN = re.compile(r"@([^\W\d]\w*)")
_ANY = re.compile(r"(?<![\w.])([^\W\d]\w*)")


def named_by_formula(text: Any) -> list[str]:
    """Return what a formula calls or takes a part of: ``np`` of ``y ~ np.log(x)``.

    Its other names are those of columns, as a rule. What is no formula names nothing.
    """
    if not isinstance(text, str) or "~" not in text or not _FORMULA.search(text):
        return []
    return _USED.findall(text)


def named_by_query(text: Any, *, whole: bool = False) -> list[str]:
    """Return the variables of a text that pandas evaluates: ``limit`` of ``price < @limit``.

    Args:
        whole: whether it is of ``pandas.eval``, where each name is a variable's.
    """
    return (_ANY if whole else _GIVEN).findall(text) if isinstance(text, str) else []
