"""What could be parameters where no cell is tagged."""

from __future__ import annotations

import pytest
from galley.domain.versions import Severity

from tests.galley.notebook.builders import analysed, code, found, markdown, notebook


def test_literals_near_the_top_are_proposed() -> None:
    made = notebook(
        markdown("# T"),
        "%matplotlib inline\nimport numpy as np\nnp.seterr(all='ignore')",
        "SEED = 42  # of every draw\nshare: float = 0.5\ncolumns = ['a', 'b']",
        "x = np.zeros(SEED) * share",
        "print(x, columns)",
    )
    analysis = analysed(made)
    assert analysis.parameters.properties == {}
    assert analysis.proposed is not None
    assert analysis.proposed.cell == 2
    assert analysis.proposed.properties == {
        "SEED": {"type": "integer", "default": 42, "description": "of every draw"},
        "share": {"type": "number", "default": 0.5},
        "columns": {"type": "array", "items": {"type": "string"}, "default": ["a", "b"]},
    }
    (check,) = found(analysis, "proposed-parameters")
    assert (check.severity, check.cell) == (Severity.INFO, 2)
    assert check.message == (
        "cell 3 sets `SEED`, `share`, `columns`, which could be parameters: tag the cell "
        "`parameters`"
    )


def test_widgets_give_a_proposal_its_range() -> None:
    made = notebook("n = 5", "from ipywidgets import interact\ninteract(print, n=(1, 9))")
    proposed = analysed(made).proposed
    assert proposed is None  # nothing uses `n`
    made = notebook("n = 5", "from ipywidgets import interact\ninteract(print, n=(1, 9))", "n + 1")
    proposed = analysed(made).proposed
    assert proposed is not None
    assert proposed.properties["n"]["maximum"] == 9


def test_lines_beside_a_computation_must_move() -> None:
    analysis = analysed(notebook("n = 5\nx = n * 2\nm = 3", "print(n, m, x)"))
    assert analysis.proposed is not None
    assert analysis.proposed.cell is None
    assert list(analysis.proposed.properties) == ["n"]
    (check,) = found(analysis, "proposed-parameters")
    assert "cell 1 sets `n`" in check.message
    assert "move them to a cell of their own" in check.message


@pytest.mark.parametrize(
    "cells",
    [
        ("x = compute()", "n = 5", "print(n)"),
        ("for i in range(3):\n    pass", "n = 5", "print(n)"),
        ("n = 5", "n += 1\nprint(n)"),
        ("n = 5", "n = 6\nprint(n)"),
        ("total = 0", "for one in [1]:\n    total += one"),
        ("results = []", "results.append(1)"),
        ("names = {'a': 1}", "print(names)"),
        ("pair = (1, 2)", "print(pair)"),
        ("_n = 5", "print(_n)"),
        ("n = 5", "print(1)"),
        ("product = 5", "print(product)"),
        ("n = None", "print(n)"),
        ("%%time\nn = 5", "print(n)"),
    ],
)
def test_what_is_no_setting_is_not_proposed(cells: tuple[str, ...]) -> None:
    analysis = analysed(notebook(*cells))
    assert analysis.proposed is None
    assert found(analysis, "proposed-parameters") == []


def test_a_parameters_cell_ends_the_proposing() -> None:
    analysis = analysed(notebook(code("a = 1", "parameters"), "n = 5", "print(a, n)"))
    assert analysis.proposed is None
    assert list(analysis.parameters.properties) == ["a"]
