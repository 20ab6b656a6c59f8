"""Names of parameters, however they are written."""

from __future__ import annotations

import pytest
from galley.notebook.declared import declared_names

from tests.galley.run.projects import notebook

TAGGED = ["parameters"]


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["x, y = 1, 2"], {"x", "y"}),
        (["x = y = 1"], {"x", "y"}),
        (["x: int"], {"x"}),
        (["x = 1; y = 2"], {"x", "y"}),
        (["url = 'http://x/?a=b'  # where from"], {"url"}),
        (["x = 1", "y = 2"], {"x", "y"}),
        (["%matplotlib inline\nif True:\n    x = 1"], {"x"}),
        (["x = [\n    1,\n]"], {"x"}),
        (["x == 1\nx.y = 2\nx['z'] = 3"], set()),
        (["x = ("], set()),
    ],
)
def test_each_name_that_a_tagged_cell_assigns(cells: list[str], names: set[str]) -> None:
    made = notebook(*((cell, TAGGED) for cell in cells), "other = 1")
    assert declared_names(made) == names
