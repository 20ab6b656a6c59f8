from __future__ import annotations

import collections
import importlib
import importlib.util
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse  # type: ignore[import-untyped]
from galley.inside import fingerprint, probe
from galley.inside import handover as source
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from .kernels import run, text


@pytest.fixture
def handover(tmp_path: Path) -> Iterator[ModuleType]:
    """The module as a project has it: beside its pipeline, importable by its name."""
    path = tmp_path / "handover.py"
    path.write_bytes(Path(source.__file__).read_bytes())
    spec = importlib.util.spec_from_file_location("handover", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["handover"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["handover"]


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def iter_nothing() -> Iterator[int]:
    yield from ()


def trained() -> Any:
    x = np.arange(40.0).reshape(20, 2)
    forest = RandomForestClassifier(3, random_state=0)
    return make_pipeline(StandardScaler(), forest).fit(x, x[:, 0] > 9)


NUMBERS = frame(a=[1.5, np.nan, -0.0], b=[1, 2, 3])
VALUES: dict[str, tuple[Any, str]] = {
    "numbers": (NUMBERS, ".parquet"),
    "texts": (frame(a=["x", None, ""]), ".parquet"),
    "category": (frame(a=pd.Categorical(["u", "v", None], ["v", "u"], ordered=True)), ".parquet"),
    "moments": (frame(a=pd.to_datetime(["2020-01-01"]).tz_localize("Europe/Paris")), ".parquet"),
    "nullable": (frame(a=pd.array([1, None], dtype="Int64")), ".parquet"),
    "labelled": (NUMBERS.set_axis(["x", "y", "z"]), ".parquet"),
    "unsorted": (NUMBERS.iloc[[2, 0, 1]], ".parquet"),
    "series": (pd.Series([1.0, 2.0], name="s"), ".series.parquet"),
    "unnamed": (pd.Series([1, 2]), ".series.parquet"),
    "zero_rows": (NUMBERS.iloc[:0], ".parquet"),
    "float_or_missing": (frame(a=pd.array([1.0, np.nan, None], dtype="Float64")), ".pickle"),
    "several_levels": (NUMBERS.set_index(["a", "b"]), ".pickle"),
    "by_row": (pd.DataFrame(np.ones((3, 2)), columns=["a", "b"], copy=False), ".pickle"),
    "daily": (NUMBERS.set_axis(pd.date_range("2020", periods=3)), ".pickle"),
    "objects": (frame(a=[1, "x", None]), ".pickle"),
    "twice": (pd.DataFrame([[1, 2]], columns=["a", "a"]), ".pickle"),
    "numbered": (pd.DataFrame([[1, 2]]), ".pickle"),
    "empty": (pd.DataFrame(), ".pickle"),
    "number_name": (pd.Series([1], name=3), ".pickle"),
    "zero_name": (pd.Series([1], name=0), ".pickle"),
    "empty_name": (pd.Series([1], name=""), ".pickle"),
    "duration": (frame(a=pd.to_timedelta([1, 2], unit="s")), ".parquet"),
    "index": (pd.Index(["a", "b"], name="i"), ".pickle"),
    "array": (np.arange(6.0).reshape(2, 3).T, ".joblib"),
    "swapped": (np.array([1.0, 2.0], dtype=">f8"), ".pickle"),
    "things": (np.array([1, "x", None], dtype=object), ".pickle"),
    "model": (trained(), ".joblib"),
    "matrix": (scipy.sparse.coo_matrix(np.eye(2)).todense(), ".pickle"),
    "sparse": (scipy.sparse.csr_array(np.eye(2)), ".pickle"),
    "bunch": (load_iris(), ".pickle"),
    "number": (3, ".pickle"),
    "nothing": (None, ".pickle"),
    "nested": ({"a": [1, {2}], (1, 2): b"x"}, ".pickle"),
}
NAMED = frame(a=[1])
NAMED.attrs["unit"] = "m"
VALUES["attributes"] = (NAMED, ".pickle")


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_as_it_was(handover: ModuleType, name: str) -> None:
    value, suffix = VALUES[name]
    handover.save("prepare", **{name: value})
    back = handover.load("prepare", name)
    assert fingerprint.digest(back) == fingerprint.digest(value) is not None
    folder = handover.PRODUCTS / "prepare"
    entry = json.loads((folder / "values.json").read_text())["values"][name]
    assert entry["file"] == f"0-{name}{suffix}"
    files = {path.name for path in folder.iterdir()}
    assert files == {entry["file"], "values.json", "states.pickle"}


def test_rows_that_lie_together_stay_together(handover: ModuleType) -> None:
    by_row = VALUES["by_row"][0]
    handover.save("prepare", by_row=by_row)
    assert handover.load("prepare", "by_row").to_numpy().flags.c_contiguous
    assert by_row.to_numpy().flags.c_contiguous


def test_loads_in_the_given_order_and_one_value_by_itself(handover: ModuleType) -> None:
    handover.save("t", a=1, b=2)
    assert handover.load("t", "b", "a") == (2, 1)
    assert handover.load("t", "a") == 1
    assert handover.load("t") is None


def test_what_is_shared_stays_shared(handover: ModuleType) -> None:
    rows = [1]
    whole = np.arange(6)
    group = {"rows": rows, "box": {"rows": rows}, "whole": whole, "half": whole[::-2]}
    handover.save("t", together=[group], other=rows)
    rows, box, whole, half = handover.load("t", "rows", "box", "whole", "half")
    assert box["rows"] is rows
    whole[5] = 100
    assert half.tolist() == [100, 3, 1]


class Bunch(dict[str, Any]):
    """As data sets of statsmodels: its keys are its attributes."""

    def __init__(self, **given: Any) -> None:
        super().__init__(given)
        self.__dict__ = self


class Grouped(collections.defaultdict[str, list[int]]):
    """As :class:`Bunch`, but it says itself what it keeps beside its keys."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.__dict__ = self


def test_such_a_dict_that_keeps_more_keeps_it(handover: ModuleType) -> None:
    handover.save("load", groups=Grouped(list, {"a": [1]}))
    groups = handover.load("load", "groups")
    groups["new"].append(2)
    assert dict(groups) == {"a": [1], "new": [2]}


def test_a_dict_whose_keys_are_its_attributes_stays_one(handover: ModuleType) -> None:
    data = Bunch(exog=np.arange(3), title="cars")
    handover.save("load", data=data, together=[{"inner": [data], "exog": data["exog"]}])
    alone, (shared,) = handover.load("load", "data", "inner")
    loaded: list[Any] = [alone, shared]
    for one in loaded:
        assert type(one).__name__ == "Bunch"
        one.exog = one["exog"] + 1
        assert one["exog"].tolist() == [1, 2, 3]
        assert (one.title, list(one)) == ("cars", ["exog", "title"])


def test_names_that_differ_in_case_only(handover: ModuleType) -> None:
    handover.save("t", x=1, X=2)
    files = [path.name.lower() for path in (handover.PRODUCTS / "t").iterdir()]
    assert len(set(files)) == len(files)
    assert handover.load("t", "X", "x") == (2, 1)


def test_random_numbers_go_on_where_they_were(handover: ModuleType) -> None:
    handover.save("t", states=["random", "numpy.random"])
    expected = random.random(), np.random.random()
    handover.load("t", states=["numpy.random", "random"])
    assert (random.random(), np.random.random()) == expected


def test_numpys_own_generator_stays_its_own(handover: ModuleType) -> None:
    model = RandomForestClassifier(random_state=np.random.mtrand._rand)
    handover.save("t", model=model)
    assert handover.load("t", "model").random_state is np.random.mtrand._rand


def test_saving_draws_no_random_numbers(handover: ModuleType) -> None:
    before = random.getstate(), repr(np.random.get_state())
    handover.save("t", **{name: value for name, (value, _) in VALUES.items()})
    assert (random.getstate(), repr(np.random.get_state())) == before


@pytest.mark.parametrize("kept", [iter_nothing(), sys.stdout, memoryview(b"x")], ids=type)
def test_refuses_what_it_cannot_hand_over_and_keeps_the_old(
    handover: ModuleType, kept: object
) -> None:
    handover.save("t", a=1)
    expected = rf"task 't' cannot hand over 'kept' \(.*{type(kept).__name__}\)"
    with pytest.raises(handover.HandoverError, match=expected):
        handover.save("t", a=2, kept=kept)
    with pytest.raises(handover.HandoverError, match=expected):
        handover.save("t", together=[{"a": 2, "kept": kept}])
    assert handover.load("t", "a") == 1
    assert [path.name for path in handover.PRODUCTS.iterdir()] == ["t"]


def test_a_try_saves_to_its_own_place_and_loads_from_the_projects(
    tmp_path: Path, handover: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    handover.save("t", a=1)
    monkeypatch.setenv("GALLEY_PRODUCTS", str(tmp_path / "try"))
    handover.save("t", a=2)
    assert handover.load("t", "a") == 1
    assert (tmp_path / "try" / "t" / "values.json").exists()


def test_names_the_task_to_build(handover: ModuleType) -> None:
    with pytest.raises(handover.HandoverError, match="build 'clean' first"):
        handover.load("clean", "a")
    handover.save("clean", a=1)
    with pytest.raises(handover.HandoverError, match=r"'b' is not among the values .* 'clean': a"):
        handover.load("clean", "b")
    with pytest.raises(handover.HandoverError, match="'random' is not among the states"):
        handover.load("clean", states=["random"])


def test_works_without_other_libraries(
    handover: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained()
    real = importlib.import_module

    def without(name: str) -> ModuleType:
        if name in ("cloudpickle", "joblib", "pyarrow"):
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", lambda *_, **__: without("pyarrow"))
    handover.save("t", frame=NUMBERS, array=np.arange(3), model=model)
    files = {path.suffix for path in (handover.PRODUCTS / "t").iterdir()}
    assert files == {".pickle", ".json"}
    assert fingerprint.digest(handover.load("t", "frame")) == fingerprint.digest(NUMBERS)
    with pytest.raises(handover.HandoverError, match="'call'"):
        handover.save("t", call=lambda: 1)


SHARED = """\
import handover
from dataclasses import dataclass
from sklearn.preprocessing import FunctionTransformer

@dataclass
class Point:
    x: int = 0
"""
FIRST = """\
scale = 2

def times(n):
    def inner(x):
        return x * n * scale
    return inner

def unlike(x, *, y: int = 3):
    return unlike(x - 1) if x else y

double = times(2)
points = [Point(1)] * 2
step = FunctionTransformer(unlike)
handover.save("first", double=double, points=points, unlike=unlike, step=step)
"""
SECOND = """\
double, points, unlike, step = handover.load("first", "double", "points", "unlike", "step")
scale = 3
print(double(1), points, type(points[0]) is Point, points[0] is points[1], unlike(2))
print(double.__globals__ is globals(), double.__module__, step.func(0))
"""


def test_two_kernels(tmp_path: Path, handover: ModuleType) -> None:
    run(tmp_path, [SHARED, FIRST])
    cells = run(tmp_path, [SHARED, SECOND])
    assert text(cells[1]) == "6 [Point(x=1), Point(x=1)] True True 3\nTrue __main__ 3\n"


def test_a_class_that_the_loading_notebook_lacks(tmp_path: Path, handover: ModuleType) -> None:
    run(tmp_path, [SHARED, FIRST])
    load = 'import handover\nhandover.load("first", "points")'
    cells = run(tmp_path, [load], allow_errors=True)
    assert "cannot load 'points' of task 'first'" in text(cells[0])
    assert "Point" in text(cells[0])


def test_views_of_a_whole_array_share_it_and_stay_their_own(handover: ModuleType) -> None:
    array = np.arange(6.0)
    borrowed: Any = memoryview(array)  # type: ignore[arg-type]
    group = {"view": array[:], "whole": array, "other": np.asarray(borrowed), "part": array[1:3]}
    group["still"] = array.view()
    group["still"].flags.writeable = False
    handover.save("t", together=[group], alone=[array[:], array])
    back = dict(zip(group, handover.load("t", *group), strict=True))
    back["view"][2] = 9.0
    assert all(one[2] == 9.0 for name, one in back.items() if name != "part")
    assert back["part"][1] == 9.0
    assert [name for name, one in back.items() if not one.flags.writeable] == ["still"]
    assert len({id(one) for one in back.values()}) == len(back)
    back["other"].shape = (2, 3)
    assert back["whole"].shape == (6,)
    alone = handover.load("t", "alone")
    alone[0][0] = 7.0
    assert alone[1][0] == 7.0


def test_the_same_memory_read_as_something_else_is_something_else(handover: ModuleType) -> None:
    raw = np.array([(0, 1065353216)], dtype=[("id", "i4"), ("val", "i4")])
    typed = raw.view([("id", "i4"), ("val", "f4")])
    assert typed["val"][0] == 1.0
    assert fingerprint.digest([raw, typed]) != fingerprint.digest([raw, raw])
    handover.save("t", rows=[raw, typed], together=[{"raw": raw, "typed": typed}])
    for one, other in (handover.load("t", "rows"), handover.load("t", "raw", "typed")):
        assert (one.dtype, other.dtype) == (raw.dtype, typed.dtype)
        assert other["val"][0] == 1.0
    one["val"][0] = 0
    assert other["val"][0] == 0.0


def test_an_estimator_keeps_the_arrays_that_it_holds_twice(handover: ModuleType) -> None:
    x = np.arange(40.0).reshape(20, 2)
    models = {
        "near": KNeighborsClassifier(2).fit(x, x[:, 0] > 9),
        "boosted": GradientBoostingClassifier(n_estimators=2, random_state=0).fit(x, x[:, 0] > 9),
    }
    handover.save("t", **models)
    for name, back in zip(models, handover.load("t", *models), strict=True):
        assert fingerprint.digest(back) == fingerprint.digest(models[name]) is not None


def test_frames_and_their_memory_stay_together(handover: ModuleType) -> None:
    value = frame(a=[1.0, 2.0])
    group = {"value": value, "inside": value["a"].to_numpy()}
    handover.save("t", together=[group])
    back = dict(zip(group, handover.load("t", *group), strict=True))
    back["value"].iloc[0, 0] = value.iloc[0, 0] = 5.0
    assert back["inside"].tolist() == group["inside"].tolist()


def test_a_decorated_function_stays_what_it_is(tmp_path: Path, handover: ModuleType) -> None:
    first = (
        "import functools, handover\n"
        "def twice(call):\n"
        "    @functools.wraps(call)\n"
        "    def wrapper(x): return call(x) * 2\n"
        "    return wrapper\n"
        "def one(x: int) -> int: return x + 1\n"
        "wrapped = twice(one)\n"
    )
    save = "handover.save('t', wrapped=wrapped)"
    load = "import handover; wrapped = handover.load('t', 'wrapped')"
    output = tmp_path / "snapshots"
    for number, cells in enumerate([[first, save], [load, "print(wrapped(3))"]]):
        added = probe.prepare(tmp_path / f"probe{number}", after={2: number}, output=output)
        run(tmp_path, cells, added)
    facts = [json.loads((output / f"{n}.json").read_text())["names"]["wrapped"] for n in (0, 1)]
    assert facts[0]["digest"] == facts[1]["digest"] is not None


def test_a_transformer_with_a_function_of_a_library_is_kept_by_joblib(
    handover: ModuleType,
) -> None:
    handover.save("t", step=FunctionTransformer(np.log1p))
    assert (handover.PRODUCTS / "t" / "0-step.joblib").exists()
    assert handover.load("t", "step").func is np.log1p
