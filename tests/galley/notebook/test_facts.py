from __future__ import annotations

from typing import Any

import pytest
from galley.notebook.facts import Tie
from galley.notebook.source import read_cells
from galley.notebook.statements import CellFacts, cell_facts, known_of

from .builders import notebook

PREPARED = (
    "import random, heapq, pickle\nimport numpy as np\n"
    "import pandas as pd\nfrom pathlib import Path\n"
)


def facts(source: str) -> CellFacts:
    cells = read_cells(notebook(PREPARED, source))
    return cell_facts(cells[1], known_of(cells))


@pytest.mark.parametrize(
    ("source", "defined", "used"),
    [
        ("import os.path, json as j", {"os", "j"}, set()),
        ("x = np.array(y)", {"x"}, {"np", "y"}),
        ("def f(a, b=z):\n    q = a\n    return w", {"f"}, {"z"}),
        ("class A(B):\n    c = k\n    def m(self): return later", {"A"}, {"B", "k"}),
        ("[i * k for i in rows]", set(), {"k", "rows"}),
        ("x += 1", {"x"}, {"x"}),
        ("if ok:\n    a = 1\nprint(a)", {"a"}, {"ok", "print", "a"}),
        ("if ok:\n    a = 1\nelse:\n    a = 2\nb = a", {"a", "b"}, {"ok"}),
        ("for i in rows:\n    t = i", {"i", "t"}, {"rows"}),
        ("with f() as g:\n    h = g", {"g", "h"}, {"f"}),
        (
            "try:\n    import a\nexcept ImportError:\n    a = None\nb = a",
            {"a", "b"},
            {"ImportError"},
        ),
        ("(n := g()) and n", {"n"}, {"g"}),
        ("await fetch(url)", set(), {"fetch", "url"}),
        ("match p:\n    case {'a': a, **rest}: pass", {"a", "rest"}, {"p"}),
        ("%%time\ny = x", {"y"}, {"x"}),
        ("%time y = x", {"y"}, {"x"}),
        ("%timeit y = x", set(), {"x"}),
        ("%%capture out\ny = x", {"out", "y"}, {"x"}),
        ("n = !ls {folder} $name", {"n"}, {"folder", "name"}),
        ("%%bash\necho $x", set(), set()),
        ("from math import *", set(dir(__import__("math"))), set()),
        ("f = lambda v: v + k", {"f"}, set()),
        ("def f():\n    global g\n    g = 1", {"f"}, set()),
    ],
)
def test_names(source: str, defined: set[str], used: set[str]) -> None:
    found = facts(source)
    public = {name for name in defined if not name.startswith("_")}
    assert (set(found.defined), set(found.used)) == (public, used)


@pytest.mark.parametrize(
    "source",
    [
        "x.append(1)",
        "x[0] = 1",
        "x.a = 1",
        "x.a.b['c'] = 1",
        "del x[0]",
        "x.loc[0, 'a'] = 1",
        "x.drop(columns='a', inplace=True)",
        "x['a'].fillna(0, inplace=True)",
        "x.index.names = ['a']",
        "x.columns.name = 'a'",
        "x.columns.set_names('a', inplace=True)",
        "m = x.fit(y)",
        "x += [1]",
        "random.shuffle(x)",
        "np.random.shuffle(x)",
        "heapq.heappush(x, 1)",
        "np.fill_diagonal(x, 0)",
        "np.add(a, b, out=x)",
        "np.add.at(x, [0], 1)",
        "next(x)",
        "setattr(x, 'a', 1)",
        "x.unheard_of()",
    ],
)
def test_changes(source: str) -> None:
    assert "x" in facts(source).changed


@pytest.mark.parametrize(
    "source",
    [
        "y = x[0]",
        "x.head()",
        "y = x.drop(columns='a')",
        "y = x.drop(columns='a', inplace=False)",
        "print(x)",
        "y = x.predict(z)",
        "x = 1",
        "x += 1",
        "np.add(x, x)",
        "sorted(x)",
    ],
)
def test_no_changes(source: str) -> None:
    assert "x" not in facts(source).changed


def test_deletions() -> None:
    found = facts("del x, y")
    assert found.deleted == {"x", "y"}
    assert found.used == {"x", "y"}


@pytest.mark.parametrize(
    ("source", "tie"),
    [
        ("b = a", Tie.SAME),
        ("b = [a]", Tie.PART),
        ("b = a['k']", Tie.PART),
        ("b = a[1:]", Tie.VIEW),
        ("b = a.values", Tie.VIEW),
        ("b['k'] = a", Tie.PART),
        ("b = Model(a)", Tie.PART),
        ("for b in a: pass", Tie.PART),
    ],
)
def test_links(source: str, tie: Tie) -> None:
    (statement,) = facts(source).statements
    assert [(one.target, one.source, one.tie) for one in statement.facts.links] == [("b", "a", tie)]


@pytest.mark.parametrize("source", ["b = a + 1", "b = f(a)", "b = pd.DataFrame(a)", "b = np"])
def test_no_links(source: str) -> None:
    (statement,) = facts(source).statements
    assert statement.facts.links == []


@pytest.mark.parametrize(
    ("source", "effects"),
    [
        ("pd.read_csv('./a.csv')", [("read", "a.csv")]),
        ("df.to_csv('out/a.csv')", [("write", "out/a.csv")]),
        ("df.to_csv()", []),
        ("pd.read_csv('https://x/y.csv')", []),
        ("open('a')", [("read", "a")]),
        ("open('a', 'w')", [("write", "a")]),
        ("open('a', mode=m)", [("write", "a")]),
        ("open(name)", [("read", None)]),
        ("Path('a', 'b').write_text('x')", [("write", "a/b")]),
        ("(Path('a') / 'b').read_text()", [("read", "a/b")]),
        ("np.save('x.npy', x)", [("write", "x.npy")]),
        ("!touch a", [("write", None)]),
        ("!ls", [("read", None)]),
        ("%%writefile a.py\nx = 1", [("write", "a.py")]),
        ("np.sin(x)", []),
    ],
)
def test_files(source: str, effects: list[Any]) -> None:
    found = [one for part in facts(source).statements for one in part.facts.effects]
    assert [(one.kind, one.path) for one in found] == effects
