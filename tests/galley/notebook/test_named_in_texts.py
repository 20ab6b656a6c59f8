from __future__ import annotations

from typing import Any

import pytest
from galley.notebook.named_in_texts import named_by_call, named_by_formula


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


@pytest.mark.parametrize(
    ("path", "method", "text", "names"),
    [
        (None, "query", "price < @limit and name in @names.index", ["limit", "names"]),
        (None, "query", "price < limit", []),
        ("pandas.eval", "eval", "df.v + limit", ["df", "limit"]),
        ("numexpr.evaluate", "evaluate", "2*a + sqrt(b)", ["a", "sqrt", "b"]),
        ("duckdb.sql", "sql", "SELECT a FROM df\nJOIN other USING (id)", ["df", "other"]),
        (None, "execute", "select * from orders", ["orders"]),
        (None, "sql", '-- all\nselect * from a, "b" join c', ["a", "b", "c"]),
        ("duckdb.sql", "sql", "SUMMARIZE a", ["a"]),
        (None, "query", "\n  with a as (select 1) from df", ["df"]),
        ("sqlite3.execute", "execute", "select * from orders", []),
        ("re.sub", "sub", "from df", []),
        (None, "query", 7, []),
    ],
)
def test_what_a_text_names_where_it_is_evaluated(
    path: str | None, method: str, text: Any, names: list[str]
) -> None:
    assert named_by_call(path, method, text) == names
