from __future__ import annotations

from typing import Any

import pytest
from galley.notebook.named_in_texts import named_by_formula, named_by_query


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("y ~ x1 + np.sin(x1) + I((x1 - 5)**2)", ["np", "I"]),
        ("y~ -1+centred(x)", ["centred"]),
        ("np.log(price) ~ C(area)", ["np", "C"]),
        ("~ bs(x, df=4) - 1", ["bs"]),
        ("y ~ x + z", []),
        ("~/data.csv", []),
        ("~", []),
        ("about ~/home.txt", []),
        ("It takes y ~ 5 minutes. The data (rows) come later.", []),
        ("no (formula)", []),
        (7, []),
    ],
)
def test_what_a_formula_uses(text: Any, names: list[str]) -> None:
    assert named_by_formula(text) == names


def test_what_a_query_is_given() -> None:
    assert named_by_query("price < @limit and name in @names.index") == ["limit", "names"]
    assert named_by_query("df.v + limit", whole=True) == ["df", "limit"]
    assert named_by_query(7) == []
