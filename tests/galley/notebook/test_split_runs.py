"""Splits run for real: each task in a namespace of its own, values copied from task to task."""

# ruff: noqa: E501

from __future__ import annotations

import copy
import random
import types
from typing import Any

import pytest
from galley.domain.split import Observed, PlannedTask, Snapshot, SplitPlan
from galley.inside.fingerprint import snapshot
from galley.notebook.parameters import inspect
from galley.notebook.source import Cell, read_cells
from galley.notebook.split import plan_split

from .builders import markdown, notebook


def _cells(sources: tuple[str, ...]) -> tuple[Cell, ...]:
    made: list[Any] = []
    for number, source in enumerate(sources):
        made += [markdown(f"## Part {number}"), source]
    return read_cells(notebook(*made))


def _whole(cells: tuple[Cell, ...], ends: set[int]) -> tuple[dict[str, Any], Observed]:
    space: dict[str, Any] = {"__name__": "__main__"}
    seen = []
    for cell in cells:
        if cell.type == "code":
            exec(cell.source, space)
        if cell.index in ends:
            names = {name: one for name, one in space.items() if not name.startswith("__")}
            seen.append(Snapshot(cell=cell.index, **snapshot(names)))
    return space, Observed(snapshots=tuple(seen))


def _split(cells: tuple[Cell, ...], plan: SplitPlan) -> dict[str, Any]:
    files: dict[str, list[dict[str, Any]]] = {}
    states: dict[str, Any] = {}
    final: dict[str, Any] = {}
    for task in plan.tasks:
        space: dict[str, Any] = {"__name__": "__main__"}
        random.seed()
        for fragment in task.fragments:
            exec(fragment.source, space)
        _load(task, space, files)
        for load in task.loads:
            if "random" in task.states and load.task in states:
                random.setstate(states[load.task])
        for index in task.cells:
            if cells[index].type == "code":
                exec(cells[index].source, space)
        files[task.name] = [
            copy.deepcopy({name: space[name] for name in save.names if name in space})
            for save in task.saves
        ]
        if "random" in task.states:
            states[task.name] = random.getstate()
        final.update(space)
    return final


def _load(task: PlannedTask, space: dict[str, Any], files: dict[str, list[dict[str, Any]]]) -> None:
    for load in task.loads:
        for group in files[load.task]:
            taken = copy.deepcopy(group)
            space.update({name: one for name, one in taken.items() if name in load.names})


def _digests(space: dict[str, Any]) -> dict[str, str | None]:
    left_out = (types.ModuleType, types.FunctionType, types.GeneratorType, type)
    kept = {
        name: one
        for name, one in space.items()
        if not name.startswith("__") and not isinstance(one, left_out)
    }
    seen = Snapshot(cell=0, **snapshot(kept))
    return {name: fact.digest for name, fact in seen.names.items()}


NOTEBOOKS = {
    "chain": ("x = [1, 2]", "y = [i * 2 for i in x]", "z = sum(y) + sum(x)"),
    "mutation": ("x = [1]", "x.append(2)", "y = list(x)", "x.append(3)", "z = x + y"),
    "alias": ("a = [1]\nb = a", "b.append(2)", "c = list(a)"),
    "alias later": (
        "a = [1]",
        "b = a",
        "b.append(2)",
        "c = list(a) + b",
        "a.append(5)\nd = list(b)",
    ),
    "container": ("a = {'k': [1]}\nb = a['k']", "b.append(2)", "c = len(a['k'])"),
    "container kept": ("a = [1]\nd = {'a': a}", "a.append(2)", "c = d['a'] + [3]"),
    "tuple": ("a, b = [1], [2]\nc = (a, b)", "a.append(9)", "d = c[0] + c[1]"),
    "rebinding": ("x = 1", "x = x + 1", "x = x * 10", "y = x"),
    "conditional": ("x = [1][0]\nflag = bool(x)", "if not flag:\n    x = 7", "y = x + 1"),
    "loop": ("rows = []", "for i in range(3):\n    rows.append(i)", "last = i\nn = len(rows)"),
    "empty loop": ("i = len('abc')", "for i in []:\n    pass", "y = i + 1"),
    "function": (
        "k = len('ab')\ndef f(v):\n    return v * k",
        "a = f(3)",
        "k = len('abcde')",
        "b = f(3)",
    ),
    "function in function": (
        "k = [2][0]\ndef g(v):\n    return v * k\ndef f(v):\n    return g(v) + 1",
        "a = f(3)",
        "def g(v):\n    return v - k",
        "b = f(3)",
    ),
    "function changes argument": (
        "x = [1]\ndef grow(v, n=1):\n    v.append(n)",
        "grow(x)",
        "grow(v=x, n=4)",
        "y = list(x)",
    ),
    "function changes global": (
        "seen = []\ncount = 0\ndef note(v):\n    global count\n    count += 1\n    seen.append(v)",
        "note(1)",
        "note(2)",
        "y = (count, list(seen))",
    ),
    "inner alias": (
        "x = [[1]]\ndef first(v):\n    return v[0]",
        "a = first(x)",
        "a.append(2)",
        "b = len(x[0])",
    ),
    "class": (
        "class Box:\n    def __init__(self):\n        self.items = []\n    def put(self, v):\n        self.items.append(v)",
        "box = Box()",
        "box.put(1)",
        "n = len(box.items)",
        "box.put(2)\nm = len(box.items)",
    ),
    "class holds": (
        "class Holder:\n    def __init__(self, v):\n        self.v = v\n    def grow(self):\n        self.v.append(1)",
        "x = [0]\nh = Holder(x)",
        "h.grow()",
        "n = len(x)",
    ),
    "deletion": (
        "x = [1]\ny = [2]",
        "del x",
        "try:\n    z = x\nexcept NameError:\n    z = 'gone'",
        "w = y",
    ),
    "random": (
        "import random\nrandom.seed(3)",
        "a = random.random()",
        "b = random.random()",
        "c = a + b",
    ),
    "shuffle": (
        "import random\nrandom.seed(1)\nx = list(range(9))",
        "random.shuffle(x)",
        "y = x[:2]",
    ),
    "walrus": ("x = [1, 2, 3]", "if (n := len(x)) > 2:\n    y = n", "z = y + n"),
    "match": (
        "p = {'a': [1], 'b': 2}",
        "match p:\n    case {'a': q, **rest}:\n        q.append(5)",
        "z = (p, rest)",
    ),
    "comprehension": ("k = [3][0]", "x = [i * k for i in range(3)]", "y = {i: k for i in x}"),
    "lambda": ("k = [1][0]\nf = lambda v: v + k", "a = f(1)", "k = [10][0]", "b = f(1)"),
    "generator": ("g = (i for i in range(5))", "a = next(g)", "b = next(g)", "c = list(range(2))"),
    "generator function": (
        "def gen():\n    yield 1\n    yield 2\ng = gen()",
        "a = next(g)",
        "b = next(g)",
    ),
    "closure": (
        "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up",
        "c = counter()",
        "a = c()",
        "b = c()",
    ),
    "made function": (
        "cfg = {'k': 1}\ndef make():\n    return lambda: cfg['k']",
        "h = make()",
        "cfg['k'] = 5",
        "a = h()",
    ),
    "made functions": (
        "cfg = {'k': 1}\ndef make():\n    def up():\n        return cfg['k']\n    return {'up': up}",
        "h = make()",
        "cfg['k'] = 5",
        "a = h['up']()",
    ),
    "lambda in a dict": (
        "cfg = {'k': 1}",
        "h = {'up': [lambda n: cfg['k'] + n]}",
        "cfg['k'] = 5",
        "a = h['up'][0](2)",
    ),
    "lambda with variables of its own": (
        "h = {'f': lambda rows: [i for i in rows], 'g': lambda i: -i}",
        "k = len(h)",
        "for i in range(3):\n    k += i",
        "a = h['f']([1, k])",
    ),
    "lambda that is stored": (
        "k = [1][0]\nh = {}\ng = []",
        "h['up'] = lambda: k\ng.append(lambda: k)",
        "k = [5][0]",
        "a = h['up']() + g[0]()",
    ),
    "lambda that an object keeps": (
        "class Step:\n    def __init__(self, call):\n        self.call = call\ncfg = [1]",
        "step = Step(lambda: cfg[0])\nsteps = [step]",
        "cfg[0] = 5",
        "a = steps[0].call()",
    ),
    "star": ("from math import *", "a = floor(2.7)", "b = ceil(a + 0.5)"),
    "augmented": ("x = [1]\ny = x", "y += [2]", "z = len(x)"),
    "slices": ("import numpy as np\na = np.zeros(4)\nb = a[:2]", "b[0] = 5", "t = float(a.sum())"),
    "frames": (
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
        "df['b'] = df['a'] * 2",
        "n = int(df['b'].sum())",
        "df.drop(columns='a', inplace=True)",
        "names = list(df.columns)",
    ),
    "heap": (
        "import heapq\nh = [3, 1, 2]",
        "heapq.heapify(h)",
        "a = heapq.heappop(h)",
        "n = len(h)",
    ),
    "exec": ("exec('x' + ' = 1')", "y = x", "z = y"),
    "decorator": (
        "from functools import lru_cache\nk = [2][0]\n@lru_cache\ndef f(v):\n    return v * k",
        "a = f(2)",
        "b = f(3)",
    ),
    "default": ("k = [2][0]\ndef f(v=k):\n    return v", "k = [3][0]", "a = f()"),
    "independent": ("a = [1][0]", "b = [2][0]", "c = a + b"),
    "global constant list": (
        "names = ['a']",
        "names2 = names + ['b']",
        "names.append('c')",
        "n = len(names)",
    ),
    "swap": ("a, b = [1], [2]", "a, b = b, a", "a.append(3)", "c = (a, b)"),
    "nested attribute": (
        "import types\no = types.SimpleNamespace(x=types.SimpleNamespace(y=[1]))\np = o.x",
        "p.y.append(2)",
        "q = list(o.x.y)",
    ),
    "method alias": (
        "class N:\n    def __init__(self):\n        self.kids=[]\n    def add(self, k):\n        self.kids.append(k)\n        return self",
        "root=N(); leaf=N()",
        "root.add(leaf)",
        "leaf.add(3)",
        "n=len(root.kids[0].kids)",
    ),
    "dict of frames": (
        "import pandas as pd\nd={}",
        "df=pd.DataFrame({'a':[1,2]})\nd['x']=df",
        "df['b']=3",
        "n=list(d['x'].columns)",
    ),
    "class attr": (
        "class C:\n    n=0\n    items=[]",
        "C.n=5",
        "x=C.n",
        "C.items.append(1)",
        "y=len(C.items)",
    ),
    "func attr": (
        "def f():\n    f.count=getattr(f,'count',0)+1\n    return f.count",
        "a=f()",
        "b=f()",
        "c=b",
    ),
    "cell const rebind": (
        "N=3\nx=[N]",
        "N=4\ny=[N]",
        "def f():\n    return N\nz=f()",
        "N+=1",
        "w=f()",
    ),
    "nested function": (
        "def outer():\n    def inner():\n        return base\n    return inner()\nbase=[1][0]",
        "a=outer()",
        "base=[2][0]",
        "b=outer()",
    ),
    "iter list": ("xs=[1,2,3]\nit=iter(xs)", "a=next(it)", "b=next(it)", "c=sum(xs)"),
    "zip": ("z=zip([1,2],[3,4])", "a=list(z)", "b=list(z)"),
    "setdefault": ("d={}", "v=d.setdefault('a',[])", "v.append(1)", "n=len(d['a'])"),
    "unpack star": ("a,*b=[[1],[2],[3]]", "b[0].append(4)", "c=b", "c.append(1)", "n=len(b)"),
    "obj in list": (
        "class P:\n    pass\np=P(); p.v=1\nps=[p]",
        "ps[0].v=2",
        "x=p.v",
        "for q in ps:\n    q.v+=1",
        "y=p.v",
    ),
    "shallow copy": ("import copy\na=[[1]]\nb=copy.copy(a)", "b[0].append(2)", "n=len(a[0])"),
    "list()": ("a=[[1]]\nb=list(a)", "b[0].append(2)", "n=len(a[0])"),
    "slicelist": (
        "a=[[1],[2]]\nb=a[:1]",
        "b[0].append(2)",
        "n=len(a[0])",
        "b.append(3)",
        "m=len(a)",
    ),
    "dictcopy": ("a={'k':[1]}\nb=dict(a)", "b['k'].append(2)", "n=len(a['k'])"),
    "sorted": ("a=[[2],[1]]\nb=sorted(a)", "b[0].append(5)", "n=len(a[1])"),
    "reshaped": ("import numpy as np\na=np.arange(6)\nb=a.reshape(2,3)", "b[0,0]=9", "t=int(a[0])"),
    "exceptname": (
        "def f():\n    raise ValueError('x')",
        "try:\n    f()\nexcept ValueError as e:\n    m=str(e)",
        "n=m",
    ),
    "while": ("i=[0][0]\nout=[]", "while i<3:\n    out.append(i)\n    i+=1", "n=i+len(out)"),
    "np seed": ("import numpy as np\nnp.random.seed(0)\na=list(range(3))", "b=[1]+a", "c=b+a"),
    "map": (
        "seen=[]\ndef f(v):\n    seen.append(v)\n    return v",
        "x=list(map(f,[1,2]))",
        "y=list(seen)",
    ),
    "sort key": (
        "seen=[]\ndef f(v):\n    seen.append(v)\n    return -v",
        "x=sorted([1,2],key=f)",
        "y=list(seen)",
    ),
    "changed default": (
        "def note(v, seen=[]):\n    seen.append(v)\n    return len(seen)",
        "a = note(1)",
        "b = note(2)",
        "c = [a, b]",
    ),
    "changed default of a method": (
        "class Log:\n    def note(v, *, seen={}):\n        seen[v] = 1\n        return len(seen)",
        "a = Log.note(1)",
        "b = Log.note(2)",
    ),
    "cache that is asked": (
        "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(v):\n    return v * 2",
        "a = f(2)",
        "b = f(2)",
        "hits = f.cache_info().hits",
    ),
    "cache that hides a change": (
        "import functools\nseen = []\n@functools.cache\ndef f(v):\n    seen.append(v)\n    return v",
        "a = f(2)",
        "b = f(2)",
        "n = len(seen)",
    ),
    "property": (
        "class Lazy:\n    n = 0\n    @property\n    def data(self):\n        self.n += 1\n        return self.n",
        "lazy = Lazy()\nheld = [lazy]",
        "a = lazy.data",
        "b = lazy.data",
        "c = held[0].n",
    ),
    "cached property": (
        "from functools import cached_property\nimport random\nclass Lazy:\n    @cached_property\n    def data(self):\n        return len(vars(self))",
        "lazy = Lazy()",
        "a = lazy.data",
        "b = sorted(vars(lazy))",
    ),
    "operator": (
        "class Tally:\n    def __init__(self):\n        self.n = 0\n    def __iadd__(self, v):\n        self.n += v\n        return self",
        "t = Tally()\nother = t",
        "t += 1",
        "n = other.n",
    ),
    "dataclass": (
        "from dataclasses import dataclass, field\n@dataclass\nclass D:\n    v: list = field(default_factory=list)",
        "d=D()\ne=[d]",
        "d.v.append(1)",
        "n=len(e[0].v)",
    ),
    "query": (
        "import pandas as pd\ndf = pd.DataFrame({'v': [1, 2, 3]})",
        "limit = df.v.mean()",
        "n = len(df.query('v > @limit'))",
        "m = int(df.eval('v.max() + @limit')) + len(df.query(expr='v < @limit'))",
        "k = list(pd.eval('df.v + limit'))",
    ),
    "own list": (
        "list = [[1], int('2')]",
        "x = list[0]\nx.append(4)",
        "n = len(list[0])",
    ),
    "parameter called as a type": (
        "rows = [[1]]\ndef grow(list):\n    x = list[0]\n    x.append(2)",
        "grow(rows)",
        "n = len(rows[0])",
    ),
    "named types": (
        "from collections import namedtuple\nfrom typing import Iterator, TypeAlias\nCell = tuple[int, int]\nWorld: TypeAlias = set[Cell]\nPoint = namedtuple('Point', 'at seen')\ndef grow(w: World) -> World:\n    return w | {(x + 1, y) for x, y in w}\ndef life(w) -> Iterator[World]:\n    yield grow(w)",
        "world = grow({(len('ab'), 2)})\np = Point(world, [1])",
        "p.seen.append(2)\nn = (next(life(world)), Point(1, 2), p.seen)",
        "def grow(w: World) -> World:\n    return w",
        "m = (next(life(world)), len(p.seen), Point(3, [p.at]))",
    ),
}


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.parametrize("seen", [False, True], ids=["read", "seen"])
def test_split_and_unsplit_end_alike(name: str, seen: bool) -> None:
    cells = _cells(NOTEBOOKS[name])
    schema = inspect(cells).schema
    plan = plan_split(cells, schema=schema)
    ends = {max(i for i in task.cells) for task in (plan.wished or plan).tasks}
    expected, observed = _whole(cells, ends)
    if seen:
        plan = plan_split(cells, schema=schema, observed=observed)
    assert _digests(_split(cells, plan)) == _digests(expected)


def test_what_a_run_showed_to_change_through_another_name_ends_alike() -> None:
    cells = _cells(
        (
            "pool = [1, 2, 3]\ndef run():\n    pool.reverse()\n    return [pool]",
            "fake = run()\na = fake[0][0]",
            "n = [len(run()) for _ in range(3)]",
            "m = len(n)",
        )
    )
    schema = inspect(cells).schema
    expected, observed = _whole(cells, {1, 3, 5, 7})
    plan = plan_split(cells, schema=schema, observed=observed)
    assert _digests(_split(cells, plan)) == _digests(expected)
    assert [load.names for task in plan.tasks for load in task.loads] == [("fake", "pool"), ("n",)]


@pytest.mark.parametrize(
    "name",
    [
        *("chain", "mutation", "function", "frames", "independent", "random", "decorator"),
        *("changed default", "property", "cached property", "operator", "named types"),
    ],
)
def test_these_are_split(name: str) -> None:
    cells = _cells(NOTEBOOKS[name])
    assert plan_split(cells, schema=inspect(cells).schema).is_split
