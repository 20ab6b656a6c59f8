from __future__ import annotations

import nbformat
import pytest
from galley.run.cells import time_limit


@pytest.mark.parametrize(
    ("tags", "usual", "limit"),
    [
        ([], None, None),
        ([], 30, 30),
        (["timeout:90"], 30, 90),
        (["task:fit", "timeout:0.5"], None, 0.5),
        (["timeout:none"], 30, None),
        (["timeout:0"], 30, 30),
        (["timeout:soon"], 30, 30),
        (["my-timeout:5"], 30, 30),
    ],
)
def test_a_cells_own_time_goes_before_the_usual(
    tags: list[str], usual: float | None, limit: float | None
) -> None:
    cell = nbformat.v4.new_code_cell("x", metadata={"tags": tags})
    assert time_limit(cell, usual) == limit
