from __future__ import annotations

import pytest
from galley.notebook.source import Cell, read_cells
from galley.project.parameter_source import only, without

from .builders import cell, notebook

SOURCE = '''\
from enum import Enum
from typing import Literal

class Kind(Enum):
    A = "a"

# Model
# trees in the forest
n: int = 3  # how many
kind: Kind = Kind.A
how: Literal["x",
             "y"] = "x"   # over two lines

a = 1; b = "two"  # both
OUT = "results"'''


def made(source: str) -> Cell:
    return read_cells(notebook(cell(source, "parameters")))[0]


def test_the_assignments_of_a_task_with_their_comments() -> None:
    assert only(made(SOURCE), {"n"}, set()) == (
        "# Model\n# trees in the forest\nn: int = 3  # how many"
    )


def test_what_a_type_needs_comes_along_unless_it_is_there() -> None:
    assert only(made(SOURCE), {"kind", "how"}, set()) == (
        "from enum import Enum\nfrom typing import Literal\n\n"
        'class Kind(Enum):\n    A = "a"\n'
        'kind: Kind = Kind.A\nhow: Literal["x",\n             "y"] = "x"   # over two lines'
    )
    assert only(made(SOURCE), {"kind"}, {"Kind"}) == "kind: Kind = Kind.A"


def test_one_of_two_on_a_line() -> None:
    assert only(made(SOURCE), {"b"}, set()) == 'b = "two"'
    assert only(made(SOURCE), {"a", "b"}, set()) == 'a = 1; b = "two"  # both'
    assert "\na = 1\nOUT" in without(made(SOURCE), {"b"})


def test_what_is_no_parameter_stays_where_it_was() -> None:
    left = without(made(SOURCE), {"n", "kind", "how", "a", "b"})
    assert left == (
        'from enum import Enum\nfrom typing import Literal\n\nclass Kind(Enum):\n    A = "a"\n\n\n'
        'OUT = "results"'
    )
    assert without(made(SOURCE), set()) == SOURCE


@pytest.mark.parametrize("source", ["n = 1", "# only\nn = 1\n"])
def test_nothing_may_be_left(source: str) -> None:
    assert without(made(source), {"n"}) == ""
