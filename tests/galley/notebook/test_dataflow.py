from __future__ import annotations

from typing import Any

import pytest
from galley.domain.versions import Severity
from galley.notebook.analysis import analyse
from galley.notebook.dataflow import cell_names, is_dynamic, name_checks
from galley.notebook.facts import Statement
from galley.notebook.source import Cell, read_cells
from galley.notebook.statements import cell_statements, known_of

from .builders import INSTALLED, code, markdown, notebook


def names(source: str) -> tuple[set[str], set[str]]:
    (cell,) = read_cells(notebook(source))
    found = cell_names(cell)
    return set(found.defined), set(found.needed)


@pytest.mark.parametrize(
    ("source", "defined", "needed"),
    [
        ("import numpy as np, os.path\nx = np.array(y)", {"np", "os", "x"}, {"y"}),
        ("from a import b as c", {"c"}, set()),
        ("def f(a, b=z):\n    q = a\n    return w", {"f"}, {"z", "w"}),
        ("class A(B):\n    c = 1\n    def m(self): return c", {"A"}, {"B", "c"}),
        ("[i * k for i in rows]", set(), {"k", "rows"}),
        ("x += 1", {"x"}, {"x"}),
        ("for i, j in pairs: total = i", {"i", "j", "total"}, {"pairs"}),
        ("with open('x') as f: pass", {"f"}, set()),
        ("if ok:\n    import json\nelse:\n    json = None", {"json"}, {"ok"}),
        ("def f():\n    import json\n    return json", {"f"}, set()),
        ("def f():\n    global g\n    g = 1", {"f", "g"}, set()),
        ("(n := 3)", {"n"}, set()),
        ("await fetch(url)", set(), {"fetch", "url"}),
        ("display(In, Out, _, _12, _i3, get_ipython())", set(), set()),
        ("%%time\ny = x", {"y"}, {"x"}),
        ("%%capture out\nprint(z)", {"out"}, {"z"}),
        ("files = !ls {folder}", {"files"}, set()),
        ("%%bash\necho $x", set(), set()),
        ("x: 'Unknown' = 1", {"x"}, set()),
        ("try:\n    ray\nexcept NameError:\n    ray = None", {"ray"}, set()),
        ("match p:\n    case {'a': a, **rest}: pass", {"a", "rest"}, {"p"}),
        ("a.b = 1\nc[d] = 2", set(), {"a", "c", "d"}),
    ],
)
def test_names_of_a_cell(source: str, defined: set[str], needed: set[str]) -> None:
    assert names(source) == (defined, needed)


def test_needed_names_carry_their_first_line() -> None:
    (cell,) = read_cells(notebook("a = 1\nprint(x)\nprint(x)"))
    assert cell_names(cell).needed == {"x": 2}


def read(made: dict[str, Any]) -> list[tuple[str, Severity, int | None, int | None]]:
    """Return the checks of an analysis, where statements have been read."""
    found = analyse(made, {}, INSTALLED).checks
    return [(one.code, one.severity, one.cell, one.line) for one in found]


def checks(*cells: Any) -> list[tuple[str, Severity, int | None, int | None]]:
    found = name_checks(read_cells(notebook(*cells)))
    told_of = name_checks(*told(*cells))
    assert [check for check in found if check in told_of] == list(told_of)
    return [(check.code, check.severity, check.cell, check.line) for check in found]


def told(*cells: Any) -> tuple[tuple[Cell, ...], list[Statement]]:
    """Return cells with their statements, by which most names are known to be defined."""
    read = read_cells(notebook(*cells))
    known = known_of(read)
    return read, [one for cell in read for one in cell_statements(cell, known)]


@pytest.mark.parametrize(
    ("cells", "undefined"),
    [
        (["import os", "os.getcwd()\nos.missing"], 0),
        (["def f(x):\n    return x + y", "f(1)"], 1),
        (["if a:\n    def f(): return b\nelse:\n    def f(): return c", "a = 1"], 3),
        (["class A:\n    z = 1\n    def m(self): return z"], 1),
        (["def f(x):\n    del x\n    return x"], 1),
        (["try:\n    1 / 0\nexcept Exception as e:\n    pass", "print(e)"], 1),
        (["def f():\n    global g\n    g = 1", "f()", "print(g)"], 0),
        (["def f(x: 'Frame', y: int) -> 'Other': pass"], 2),
        (["from os.path import *", "join('a', unknown)"], 2),
        (["x = [i for i in range(3)]", "i"], 1),
        (["%%capture out\nprint(1)", "out.show()"], 0),
        (["x += 1"], 1),
        (["match p:\n    case {'a': a, **rest}: print(a, rest, other)", "p = 1"], 2),
        (["a = 1", "del a", "print(a)", "a = 2", "print(a)"], 1),
        (["f = lambda v: v + w", "w = 1"], 0),
        (["await later()", "print(__file__, __name__, _, Out)"], 1),
    ],
)
def test_what_is_known_of_the_statements_changes_no_answer(
    cells: list[str], undefined: int
) -> None:
    assert len(checks(*cells)) == undefined
    assert name_checks(*told(*cells)) == name_checks(read_cells(notebook(*cells)))


def test_what_a_line_magic_binds_is_seen_where_the_statements_are_known() -> None:
    assert name_checks(*told("%time x = [1]", "print(x)")) == ()


def test_a_name_that_nothing_defines_is_named_with_its_place() -> None:
    made = notebook(markdown("# T"), "df = 1", "a = df\n\nprint(df2)")
    (check,) = name_checks(read_cells(made))
    assert check.message == "cell 3 uses `df2`, which no cell of this notebook defines"
    assert (check.code, check.severity) == ("undefined-name", Severity.ERROR)
    assert (check.cell, check.line) == (2, 3)


def test_a_name_defined_further_down_says_where() -> None:
    (check,) = name_checks(read_cells(notebook("print(x)", markdown(""), "x = 1")))
    assert check.code == "used-before-defined"
    assert check.severity is Severity.ERROR
    assert "cell 1 uses `x`, which only cell 3, further down, defines" in check.message


def test_use_above_the_definition_in_the_same_cell() -> None:
    (check,) = name_checks(read_cells(notebook("print(x)\nx = 1")))
    assert (check.code, check.line) == ("used-before-defined", 1)
    assert "above the line" in check.message


def test_a_deleted_name() -> None:
    (check,) = name_checks(read_cells(notebook("x = 1", "del x", "x")))
    assert check.code == "undefined-name"
    assert "cell 3 uses `x`, which cell 1 defines and which is deleted" in check.message


def test_functions_may_use_what_a_later_cell_defines() -> None:
    assert checks("def f(): return later", "later = 1", "f()") == []


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return nope",
        "if x: nope",
        "x and nope",
        "[nope for i in x]",
        "try:\n    nope\nexcept Exception: pass",
        "with open('f'):\n    nope",
        "lambda: nope",
        "y = 1 if x else nope",
        "for i in x:\n    nope",
    ],
)
def test_a_use_that_may_never_be_reached_is_only_a_warning(source: str) -> None:
    assert checks("x = []", source) == [
        ("undefined-name", Severity.WARNING, 1, source.count("\n", 0, source.index("nope")) + 1)
    ]


@pytest.mark.parametrize(
    "source",
    [
        "nope and x",
        "if nope: x",
        "for i in nope: pass",
        "[i for i in nope]",
        "with nope: pass",
        "def f(a=nope): pass",
        "y = nope if nope else x",
        "class A(nope): pass",
        "await nope()",
        "f'{nope}'",
    ],
)
def test_a_use_that_is_always_reached_is_an_error(source: str) -> None:
    found = checks("x = []", source)
    assert ("undefined-name", Severity.ERROR, 1, 1) in found


@pytest.mark.parametrize(
    "magician",
    [
        "from numpy import *",
        "exec('nope = 1')",
        "globals()['nope'] = 1",
        "%run other.py",
        "%store -r nope",
        "%pylab",
        "%%my_magic\nnope = 1",
        "x = (",
    ],
)
def test_nothing_is_certain_where_names_can_appear_unseen(magician: str) -> None:
    severities = {severity for _, severity, _, _ in checks(magician, "nope")}
    assert severities == {Severity.WARNING}


@pytest.mark.parametrize(
    ("binder", "uses"),
    [
        ("from collections import *", "Counter(deque())"),
        ("from collections import *\nfrom typing import *", "def f(x: List) -> Counter: ..."),
        ("from typing import *\n%time rows = [1]", "rows"),
        ("from typing import *\n%time rows = [1]\nrows", "del rows"),
    ],
)
def test_what_a_star_import_or_a_magic_binds_is_bound(binder: str, uses: str) -> None:
    names = [one for one in read(notebook(binder, uses, "nope")) if one[0] != "no-parameters"]
    assert [(name, cell) for name, _, cell, _ in names] == [("undefined-name", 2)]


def test_what_a_star_import_binds_later_is_not_bound_yet() -> None:
    found = read(notebook("print(Counter)", "from collections import *\nCounter"))
    assert ("used-before-defined", 0) in [(name, cell) for name, _, cell, _ in found]


def test_what_a_function_makes_global_is_bound_beside_a_star_import() -> None:
    made = notebook("from os import *", "def f():\n    global rows\n    rows = 1", "f()\nrows")
    assert [one.code for one in analyse(made, {}, INSTALLED).checks] == ["no-parameters"]


def test_plain_magics_define_nothing() -> None:
    (cell,) = read_cells(notebook("%matplotlib inline\n%load_ext autoreload\n!ls\nx = 1"))
    assert not is_dynamic(cell)


def test_a_cell_that_may_raise_is_not_an_error() -> None:
    assert checks(code("nope", "raises-exception")) == [("undefined-name", Severity.WARNING, 0, 1)]


def test_a_clean_notebook_has_no_checks() -> None:
    assert (
        checks(
            code("n: int = 3", "parameters"),
            "import numpy as np\nx = np.arange(n)",
            markdown("words"),
            "total = sum(i for i in x)\nprint(f'{total:.2f}')",
            "class A:\n    k = total\n\n    def m(self):\n        return __name__, self.k",
        )
        == []
    )
