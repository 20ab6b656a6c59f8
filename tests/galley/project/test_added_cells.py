from __future__ import annotations

import pytest
from galley.domain.split import Fragment
from galley.project.added_cells import after_parameters, handover_name, load, save, setup
from galley.project.handing import Handing, Taken


def fragment(source: str, *names: str) -> Fragment:
    return Fragment(cell=0, line=1, source=source, names=names)


NUMPY = fragment("import numpy as np", "np")
PANDAS = fragment("import pandas as pd  # frames", "pd")
SCALE = fragment("def scale(x):\n    return x / n", "scale")
LIMIT = fragment("LIMIT = 10", "LIMIT")
SETTING = fragment('sys.path.append("lib")')
LOCAL = fragment("from helpers import greet", "greet")


def test_a_setup_reads_as_a_person_would_write_it() -> None:
    assert setup([NUMPY, LIMIT, SCALE, PANDAS, fragment("RATE = 2", "RATE")]) == (
        "import numpy as np\nimport pandas as pd  # frames\n\nLIMIT = 10\n\n\n"
        "def scale(x):\n    return x / n\n\n\nRATE = 2"
    )
    assert setup([SCALE]) == SCALE.source


def test_no_import_moves_above_a_setting_that_may_decide_what_it_does() -> None:
    assert setup([fragment("import sys", "sys"), SETTING, LOCAL]) == (
        'import sys\n\nsys.path.append("lib")\n\nfrom helpers import greet'
    )


@pytest.mark.parametrize(
    "fragments",
    [
        [fragment("def twice(x, by=n):\n    return x * by", "twice")],
        [fragment("settings = {'n': n}", "settings")],
        [fragment("def make():\n    return n", "make"), fragment("made = make()", "made")],
        [fragment("first = n", "first"), fragment("second = first", "second")],
    ],
)
def test_what_needs_the_value_of_a_parameter_stands_below_it(fragments: list[Fragment]) -> None:
    _, below = after_parameters((NUMPY, *fragments), frozenset({"n"}))
    assert below[-1] == fragments[-1]
    assert NUMPY not in below


def test_a_function_that_only_mentions_a_parameter_stands_above() -> None:
    assert after_parameters((SCALE, LIMIT), frozenset({"n"})) == ((SCALE, LIMIT), ())


def test_a_name_that_is_bound_anew_is_not_bound_before_it_is_read() -> None:
    early = fragment("rate = 1", "rate")
    reader = fragment("total = n * rate", "total")
    again = fragment("rate = 2", "rate")
    assert after_parameters((early, reader, again), frozenset({"n"})) == ((early,), (reader, again))


def test_loading_and_saving() -> None:
    handing = Handing(
        taken=(
            Taken("prepare", ("df",)),
            Taken("fit", ("model", "score"), ("random", "numpy.random")),
            Taken("seed", (), ("torch",)),
        ),
        groups=(("best",), ("a", "b"), ("states",), ("together",)),
        states=("random",),
    )
    assert load(handing, "handover") == (
        'import handover\n\ndf = handover.load("prepare", "df")\n'
        'model, score = handover.load("fit", "model", "score", states=["random", "numpy.random"])\n'
        'handover.load("seed", states=["torch"])'
    )
    assert save("report", handing, "handover") == (
        "handover.save(\n"
        '    "report",\n'
        "    best=best,\n"
        '    together=[{"a": a, "b": b}, {"states": states}, {"together": together}],\n'
        '    states=["random"],\n'
        ")"
    )
    assert save("x", Handing(groups=(("df",),)), "handover2") == (
        'import handover2\n\nhandover2.save("x", df=df)'
    )


def test_long_lines_are_broken_where_the_target_counts_too() -> None:
    names = tuple(f"name_{number}" for number in range(8))
    source = load(Handing(taken=(Taken("first", names),)), "handover")
    assert source.splitlines()[2] == f"{', '.join(names)} = handover.load("
    assert source.splitlines()[4] == '    "name_0",'


def test_the_modules_name_is_nowhere_else() -> None:
    assert handover_name(["import pandas", "handovers = 1"]) == "handover"
    assert handover_name(["handover = 1", "x.handover2"]) == "handover3"
