from __future__ import annotations

from typing import Any

import pytest
from galley.domain.split import SplitLayout, SplitPlan, SplitSource, TaskLayout
from galley.errors import InvalidInput
from galley.notebook.parameters import inspect
from galley.notebook.source import read_cells
from galley.notebook.split import plan_split

from .builders import code, markdown, notebook


def plan(*cells: Any, **more: Any) -> SplitPlan:
    read = read_cells(notebook(*cells))
    return plan_split(read, schema=inspect(read).schema, **more)


def sections(*sources: str) -> list[Any]:
    """Return one heading and one code cell per source."""
    found: list[Any] = []
    for number, source in enumerate(sources):
        found += [markdown(f"## Part {number}"), source]
    return found


def loads(made: SplitPlan) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(task.name, load.task, load.names) for task in made.tasks for load in task.loads]


def test_headings_make_tasks_and_values_cross() -> None:
    made = plan(*sections("x = open_it()\nprint(x)", "y = x + f()", "print(y)"))
    assert made.source is SplitSource.HEADINGS
    assert [task.name for task in made.tasks] == ["part_0", "part_1", "part_2"]
    assert loads(made) == [("part_1", "part_0", ("x",)), ("part_2", "part_1", ("y",))]
    assert [task.upstream for task in made.tasks] == [(), ("part_0",), ("part_1",)]
    assert [(one.producer, one.consumer, one.name) for one in made.crossings] == [
        ("part_0", "part_1", "x"),
        ("part_1", "part_2", "y"),
    ]


def test_imports_functions_and_constants_are_repeated() -> None:
    made = plan(
        "import numpy as np\nK = 3\n\n\ndef f(x):\n    return np.sin(x) * K",
        *sections("a = f(load())", "b = f(load())"),
    )
    assert loads(made) == []
    assert made.tasks[1].upstream == ()
    assert [one.names for one in made.tasks[1].fragments] == [("np",), ("K",), ("f",)]


@pytest.mark.parametrize("decorator", ["interact(n=(1, 9))", "widgets.interact"])
def test_a_function_that_is_shown_is_called_where_it_stands(decorator: str) -> None:
    made = plan(
        *sections(
            "import matplotlib.pyplot as plt\nfrom ipywidgets import interact, widgets\nx = load()",
            f"@{decorator}\ndef draw(n=1):\n    plt.plot(x, n)",
        )
    )
    assert loads(made) == [("part_1", "part_0", ("x",))]
    assert ("plt",) in [one.names for one in made.tasks[1].fragments]


def test_a_title_alone_is_no_section() -> None:
    made = plan(markdown("# Title"), markdown("## A"), "a = f()", markdown("## B"), "b = g(a)")
    assert [task.cells for task in made.tasks] == [(0, 1, 2), (3, 4)]


def test_parameters_are_distributed() -> None:
    made = plan(code("n = 3", "parameters"), *sections("a = f(n)", "b = g()", "c = h(n)"))
    assert [task.parameters for task in made.tasks] == [("n",), (), ("n",)]
    assert all(0 not in task.cells for task in made.tasks)


def test_the_author_decides() -> None:
    layout = SplitLayout(
        tasks=(TaskLayout(name="one", cells=(0,)), TaskLayout(name="two", cells=(1, 2)))
    )
    made = plan("a = f()", "b = a", "c = b", layout=layout)
    assert made.source is SplitSource.AUTHOR
    assert [task.cells for task in made.tasks] == [(0,), (1, 2)]


@pytest.mark.parametrize(
    "tasks",
    [
        (("a", (0,)),),
        (("a", (1,)), ("b", (0,))),
        (("a", (0,)), ("a", (1,))),
        (("class", (0, 1)),),
        (("a", (0, 1, 9)),),
        (("a", (0, 0, 1)),),
    ],
)
def test_an_impossible_layout_is_refused(tasks: Any) -> None:
    layout = SplitLayout(tasks=tuple(TaskLayout(name=name, cells=cells) for name, cells in tasks))
    with pytest.raises(InvalidInput) as caught:
        plan("a = f()", "b = a", layout=layout)
    assert str(caught.value.field).startswith("layout.tasks")


def test_nothing_at_all() -> None:
    made = plan()
    assert not made.is_split
    assert made.reason


def test_classes_and_passed_functions_follow_what_holds_them() -> None:
    made = plan(
        *sections(
            "class A:\n    def m(self): return 1\ndef f(): return 2\nx = work()",
            "a = A()\ng = build([f])",
            "a.m()",
            "g.run()",
        )
    )
    assert [one.names for one in made.tasks[2].fragments] == [("A",)]
    assert [one.names for one in made.tasks[3].fragments] == [("f",)]


@pytest.mark.parametrize(
    ("value", "code_"),
    [
        ("(i for i in range(3))", "generator"),
        ("open('a.txt')", "open-file"),
        ("sqlite3.connect('a.db')", "connection"),
        ("plt.subplots()", "figure"),
        ("threading.Lock()", "not-transferable"),
        ("importlib.import_module('json')", "not-transferable"),
    ],
)
def test_what_cannot_leave_the_process_is_not_cut(value: str, code_: str) -> None:
    imports = "import sqlite3, threading, importlib\nimport matplotlib.pyplot as plt"
    made = plan(imports, *sections(f"v = {value}", "use(v)", "print(1 + f())"))
    assert [task.name for task in made.tasks] == ["part_0", "part_2"]
    (merge,) = made.merges
    assert merge.code == code_
    assert "`v` of cell 3" in merge.reason


@pytest.mark.parametrize(
    ("statement", "code_"),
    [
        ("v, w = (f(i) for i in range(2))", None),
        ("[v, *w] = zip(range(2), range(2))", None),
        ("v, w = map(f, range(2))", None),
        ("v, w = reversed([f(1), f(2)])", None),
        ("v, w = map(open, 'ab')", "open-file"),
        ("v, w = map(lambda path: open(path), 'ab')", "open-file"),
        ("v, w = map(iter, [[1], [2]])", "generator"),
        ("v, w = reversed([open('a'), open('b')])", "open-file"),
        ("v, w = filter(None, (open(i) for i in 'ab'))", "open-file"),
        ("v, w = u = (f(i) for i in range(2))", "generator"),
        ("v, w = (open(i) for i in 'ab')", "open-file"),
        ("v, w = itertools.tee(range(2))", "generator"),
        ("v, w = iter([1]), 2", "generator"),
        ("v, w = plt.subplots()", "figure"),
    ],
)
def test_what_unpacking_takes_from_a_generator_is_none_itself(
    statement: str, code_: str | None
) -> None:
    imports = "import itertools\nimport matplotlib.pyplot as plt\ndef f(i):\n    return i"
    made = plan(imports, *sections(statement, "use(v)", "print(1 + g())"))
    assert [merge.code for merge in made.merges] == ([code_] if code_ else [])
    assert len(made.tasks) == (2 if code_ else 3)


@pytest.mark.parametrize(
    ("made", "then", "changed"),
    [
        ("GridSearchCV(model, given)", "search.fit(x)", False),
        ("ms.RandomizedSearchCV(model, given)", "search.fit(x)", False),
        ("Pipeline([('m', model), ('g', given)])", "search.fit(x)", True),
        ("GridSearchCV(model, given)", "search.estimator.fit(x)", True),
        ("GridSearchCV(model, given)", "inner = search.estimator\ninner.fit(x)", True),
        ("GridSearchCV(model, given)", "search.estimator = 1", False),
        ("GridSearchCV(model, given).fit(x)", "pass", False),
        ("GridSearchCV(model, given).fit(x)", "search.fit(x)", False),
        ("GridSearchCV(model, given) if x else model", "search.fit(x)", True),
        ("GridSearchCV(model, given)", "search = model\nsearch.fit(x)", True),
    ],
)
def test_a_search_fits_clones_of_its_estimator(made: str, then: str, changed: bool) -> None:
    imports = (
        "import sklearn.model_selection as ms\nfrom sklearn.model_selection import GridSearchCV\n"
        "from sklearn.pipeline import Pipeline"
    )
    found = plan(
        imports,
        *sections(
            "model, given, x = f(), g(), h()", f"search = {made}\n{then}", "use(model, given)"
        ),
    )
    producers = {task for name, task, _ in loads(found) if name == "part_2"}
    assert ("part_1" in producers) is changed


@pytest.mark.parametrize("shadow", ["def tune(search):\n    search.fit(1)", ""])
def test_a_parameter_called_as_a_search_is_something_else(shadow: str) -> None:
    imports = (
        "from sklearn.model_selection import GridSearchCV\nfrom sklearn.pipeline import Pipeline"
    )
    pipe = "pipe = Pipeline([('s', model)])\n" + ("tune(pipe)" if shadow else "pipe.predict(1)")
    found = plan(
        f"{imports}\n{shadow}",
        *sections("model = f()\nsearch = GridSearchCV(model, {})", pipe, "print(model.mean_)"),
    )
    assert (("part_2", "part_1", ("model",)) in loads(found)) is bool(shadow)


def test_what_is_changed_is_changed_in_a_search_too() -> None:
    imports = "from sklearn.model_selection import GridSearchCV"
    found = plan(
        imports,
        *sections("model = f()\nsearch = GridSearchCV(model, g())", "model.fit(1)", "use(search)"),
    )
    assert ("part_2", "part_1", ("search",)) in loads(found)


def test_what_stays_in_one_section_ties_nothing() -> None:
    made = plan(*sections("v = open('a.txt')\nx = v.read()", "print(x)"))
    assert made.merges == ()
    assert loads(made) == [("part_1", "part_0", ("x",))]


@pytest.mark.parametrize(
    ("source", "code_"),
    [
        ("exec(text())", "unreadable"),
        ("%run other.py", "unreadable"),
        ("%magic_of_mine x", "unreadable"),
        ("globals()['x'] = 1", "hidden-state"),
        ("print(Out[1])", "hidden-state"),
        ("%history", "hidden-state"),
        ("get_ipython().user_ns", "hidden-state"),
    ],
)
def test_what_nobody_can_read_leaves_one_task(source: str, code_: str) -> None:
    made = plan(*sections("a = f()", source, "b = g()"))
    assert not made.is_split
    assert [one.code for one in made.merges] == [code_]
    assert made.reason == made.merges[0].reason


@pytest.mark.parametrize("source", ["%cd data", "import os\nos.chdir('x')", "np.foo = f()"])
def test_process_state_ties_what_follows(source: str) -> None:
    made = plan("import numpy as np", *sections("a = f()", source, "b = g()"))
    assert [task.name for task in made.tasks] == ["part_0", "part_1"]
    assert made.merges[0].code == "hidden-state"


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline",
        "%load_ext autoreload",
        "pd.set_option('display.max_rows', 5)",
        "pd.options.display.max_rows = 5",
        "plt.rcParams['figure.dpi'] = 70",
        "plt.rc('axes', prop_cycle=colors)",
        "os.environ['X'] = '1'",
        "sys.path.append('..')",
        "np.foo = 3",
    ],
)
def test_settings_are_repeated_in_every_later_task(source: str) -> None:
    imports = "import os, sys\nimport numpy as np, pandas as pd\nimport matplotlib.pyplot as plt"
    imports += "\nfrom matplotlib import cycler\ncolors = cycler('color', ['#EE6666', '#3388BB'])"
    made = plan(f"{imports}\n{source}", *sections("a = f()", "b = g()", "c = h()"))
    for task in made.tasks[1:]:
        assert source in [one.source for one in task.fragments]
    assert made.tasks[0].fragments == ()


def test_files_order_tasks() -> None:
    made = plan(
        "import pandas as pd",
        *sections("f().to_csv('./a.csv')", "x = pd.read_csv('b.csv')", "y = pd.read_csv('a.csv')"),
    )
    assert made.order == (("part_0", "part_2"),)
    assert made.tasks[2].upstream == ("part_0",)
    assert made.tasks[1].upstream == ()


def test_an_unknown_path_may_be_any() -> None:
    made = plan(*sections("f().to_csv(name())", "x = open('a.csv').read()"))
    assert made.order == (("part_0", "part_1"),)


def test_random_draws_after_a_seed_are_chained() -> None:
    made = plan(
        "import numpy as np\nnp.random.seed(1)",
        *sections("a = np.random.rand()", "b = f()", "c = np.random.rand()"),
    )
    assert [task.states for task in made.tasks] == [("numpy.random",), (), ("numpy.random",)]
    assert made.tasks[2].upstream == ("part_0",)
    assert (
        plan("import numpy as np", *sections("a = np.random.rand()", "b = np.random.rand()")).order
        == ()
    )


def test_tags_win_and_a_name_twice_merges_what_lies_between() -> None:
    made = plan(
        code("a = f()", "task:one"),
        code("b = a", "task:two"),
        code("c = b", "task:one"),
        code("d = c", "task:Last one"),
    )
    assert made.source is SplitSource.TAGS
    assert [(task.name, task.cells) for task in made.tasks] == [
        ("one", (0, 1, 2)),
        ("last_one", (3,)),
    ]
    assert [one.code for one in made.merges] == ["names-twice"]


def test_a_class_is_repeated_unless_it_is_changed() -> None:
    holder = "class Log:\n    def note(v, seen=[]):\n        {}\n        return len(seen)"
    plain = plan(*sections(holder.format("seen + [v]"), "a = Log.note(1)", "b = Log.note(2)"))
    assert [one.name for one in plain.crossings] == []
    changed = plan(*sections(holder.format("seen.append(v)"), "a = Log.note(1)", "b = Log.note(2)"))
    assert "`Log` of cell 2 is a class that its source alone" in changed.merges[0].reason


def test_what_must_not_be_cut_can_be_judged_all_the_same() -> None:
    cells = markdown("# A"), "n = 1\nrows = iter([n])", markdown("# B"), "first = next(rows)"
    assert len(plan(*cells).tasks) == 1
    whole = plan(*cells, merged=False)
    assert [task.name for task in whole.tasks] == ["a", "b"]
    assert [(one.producer, one.consumer, one.name) for one in whole.crossings] == [
        ("a", "b", "rows")
    ]


def test_an_import_for_its_effect_is_repeated_and_one_that_nobody_needs_is_not() -> None:
    made = plan(
        markdown("# A"),
        "from sklearn.experimental import enable_halving_search_cv\nimport hvplot.pandas\n"
        "import os\nimport pandas as pd\nimport seaborn as sns",
        "n = int(f())",
        markdown("# B"),
        "sns.lineplot([n])",
        markdown("# C"),
        "print(n)",
    )
    effects = ("enable_halving_search_cv",), ("hvplot",)
    assert [one.names for one in made.tasks[1].fragments] == [*effects, ("sns",)]
    assert [one.names for one in made.tasks[2].fragments] == [*effects]


def test_what_loads_a_module_of_a_package_is_repeated_where_it_is_looked_up() -> None:
    made = plan(
        markdown("# A"),
        "import matplotlib as mpl\nimport matplotlib.pyplot as plt\nimport scipy.optimize\n"
        "import scipy.stats\nfrom xml.etree import ElementTree",
        "n = int(f())\nplt.plot([n])\nElementTree.fromstring('<a/>')",
        markdown("# B"),
        "mpl.pyplot.plot([n])",
        markdown("# C"),
        "scipy.optimize.root(len, n)",
        markdown("# D"),
        "import xml\nprint(xml.etree, n)",
        markdown("# E"),
        "print(mpl.__version__, n)",
    )
    assert [[one.names for one in task.fragments] for task in made.tasks[1:]] == [
        [("mpl",), ("plt",)],
        [("scipy",), ("scipy",)],
        [("ElementTree",)],
        [("mpl",)],
    ]


def test_what_a_formula_calls_is_there_where_it_is_used() -> None:
    made = plan(
        markdown("# A"),
        "import numpy as np\nimport statsmodels.formula.api as smf\n"
        "def centred(x):\n    return x - x.mean()\nFORMULA = 'y ~ centred(x)'",
        "df = smf.load()\nprint(np.pi, FORMULA)",
        markdown("# B"),
        "smf.ols('y ~ np.log(x)', df).fit()",
        markdown("# C"),
        "smf.ols(FORMULA, df).fit()",
    )
    assert [one.names for one in made.tasks[1].fragments] == [("np",), ("smf",)]
    assert [one.names for one in made.tasks[2].fragments] == [("smf",), ("centred",), ("FORMULA",)]


@pytest.mark.parametrize(
    ("held", "tasks"),
    [
        ("lambda rows: [i for i in rows]", 3),
        ("lambda rows: sorted(rows, key=lambda i: -i)", 3),
        ("lambda i: -i", 3),
        ("lambda rows: [i, *rows]", 1),
    ],
)
def test_only_what_a_lambda_takes_from_the_notebook_ties_it(held: str, tasks: int) -> None:
    made = plan(
        *sections(f"i = open_it()\nh = {{'f': {held}}}", "i = open_it()", "a = h['f']([1])")
    )
    assert len(made.tasks) == tasks


@pytest.mark.parametrize(
    "source",
    [
        "a = open('x').read()",
        "a = open('x').read().split()",
        "a, b = open('x').readline().split(',')",
        "import sqlite3\na = sqlite3.connect('x').execute('select 1').fetchall()",
        "import urllib.request\na = urllib.request.urlopen('http://x').read()",
        "import subprocess\na = subprocess.Popen('ls').communicate()[0]",
    ],
)
def test_what_is_taken_from_a_file_or_connection_may_be_handed_over(source: str) -> None:
    assert len(plan(*sections(source, "print(a)")).tasks) == 2


@pytest.mark.parametrize(
    "source", ["a = open('x')", "import sqlite3\na = sqlite3.connect('x').execute('select 1')"]
)
def test_what_is_open_may_not(source: str) -> None:
    assert len(plan(*sections(source, "print(a)")).tasks) == 1
