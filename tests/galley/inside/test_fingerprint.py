from __future__ import annotations

import collections
import copy
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import itertools
import json
import pathlib
import pickle
import random
import re
import subprocess
import sys
import threading
import types
import uuid
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
import scipy.sparse  # type: ignore[import-untyped]
from galley.domain.split import Snapshot
from galley.inside import fingerprint
from galley.inside.fingerprint import digest, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import KNeighborsClassifier


class Point(NamedTuple):
    x: int
    y: int = 0


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Text(str):
    __slots__ = ("lang",)


class Rows(list[int]):
    pass


class Lines(list[int]):
    pass


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: object) -> None:
        self.a = a


class Open:
    def __init__(self, **names: Any) -> None:
        vars(self).update(names)


def forest(seed: int) -> Any:
    x = np.arange(60.0).reshape(20, 3) % 7
    return RandomForestClassifier(3, random_state=seed).fit(x, x[:, 0] > 3)


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns or {"a": [1.0, 2.0], "b": ["x", "y"]})


def changed(value: Any, change: Callable[[Any], object]) -> Any:
    change(value)
    return value


def masked(*mask: int) -> Any:
    return np.ma.masked_array([1.0, 2.0], [bool(one) for one in mask])


def cyclic(*items: Any) -> list[Any]:
    rows: list[Any] = [*items]
    rows.append(rows)
    return rows


RED, BLUE = [1], [1]
ZONE = zoneinfo.ZoneInfo("Europe/Paris")
NOON = dt.datetime(2020, 1, 1, 12, tzinfo=ZONE)
F = np.array([[1.0, 2.0], [3.0, 4.0]])
TABLE = pa.table({"a": [1, None, 3], "b": ["x", None, "z"]})

# Makers of values that all differ from one another within a family.
FAMILIES: dict[str, list[Callable[[], Any]]] = {
    "numbers": [
        lambda: 1,
        lambda: True,
        lambda: 1.0,
        lambda: 1 + 0j,
        lambda: np.int64(1),
        lambda: np.int32(1),
        lambda: np.float64(1),
        lambda: np.bool_(True),
        lambda: decimal.Decimal(1),
        lambda: decimal.Decimal("1.0"),
        lambda: fractions.Fraction(1),
        lambda: -1,
        lambda: 255,
        lambda: -(2**70),
        lambda: 0.0,
        lambda: -0.0,
        lambda: float("nan"),
        lambda: None,
        lambda: ...,
    ],
    "texts": [
        lambda: "a",
        lambda: b"a",
        lambda: bytearray(b"a"),
        lambda: Text("a"),
        lambda: np.str_("a"),
        lambda: pathlib.Path("a"),
        lambda: pathlib.PurePosixPath("a"),
        lambda: "\ud800",
        lambda: "",
        lambda: re.compile("a"),
        lambda: re.compile("a", re.I),
    ],
    "times": [
        lambda: NOON,
        lambda: NOON.replace(tzinfo=None),
        lambda: NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))),
        lambda: NOON.replace(fold=1),
        lambda: NOON.date(),
        lambda: NOON.time(),
        lambda: dt.timedelta(1),
        lambda: dt.UTC,
        lambda: ZONE,
        lambda: pd.Timestamp(NOON),
        lambda: pd.Timestamp("2020"),
        lambda: pd.Timestamp("2020").as_unit("ns"),
        lambda: pd.NaT,
        lambda: pd.NA,
        lambda: np.datetime64("2020"),
        lambda: np.datetime64("2020", "ns"),
        lambda: uuid.UUID(int=1),
    ],
    "containers": [
        list,
        tuple,
        dict,
        set,
        frozenset,
        collections.OrderedDict,
        collections.Counter,
        lambda: collections.defaultdict(list),
        lambda: collections.defaultdict(set),
        collections.deque,
        lambda: collections.deque(maxlen=2),
        types.SimpleNamespace,
        lambda: [1, 2],
        lambda: Rows([1, 2]),
        lambda: Lines([1, 2]),
        lambda: [2, 1],
        lambda: [[1], 2],
        lambda: [[1, 2]],
        lambda: (1, 2),
        lambda: Point(1, 2),
        lambda: {1: 2, 3: 4},
        lambda: {3: 4, 1: 2},
        lambda: {1, 2},
        lambda: {1, "2"},
        lambda: {(1,), (2,)},
        lambda: {True, 2},
        lambda: range(1, 3),
        lambda: slice(1, 3),
        lambda: [0] * 20,
        lambda: [False] * 20,
        lambda: [0.0] * 20,
        lambda: [0.0] * 19 + [float("nan")],
        lambda: ["ab", "c"] * 9,
        lambda: ["a", "bc"] * 9,
        lambda: [2**64] * 20,
    ],
    "sharing": [
        lambda: [RED, RED],
        lambda: [RED, BLUE],
        lambda: [RED, BLUE, RED],
        lambda: [RED, BLUE, BLUE],
        lambda: [RED, [RED]],
        lambda: cyclic(),
        lambda: cyclic(1),
        lambda: [cyclic()],
        lambda: (lambda one: [one, {one}])(Open(a=1)),
        lambda: [Open(a=1), {Open(a=1)}],
    ],
    "objects": [
        lambda: Open(a=1),
        lambda: Open(a=2),
        lambda: Open(b=1),
        lambda: Open(a=1, b=1),
        lambda: Slotted(1),
        lambda: Slotted(2),
        lambda: changed(Slotted(1), lambda one: setattr(one, "b", 1)),
        lambda: Colour.RED,
        lambda: Colour.BLUE,
        lambda: Colour,
        lambda: Open,
        lambda: ValueError("a"),
        lambda: ValueError("b"),
        lambda: changed(ValueError("a"), lambda one: setattr(one, "x", 1)),
        lambda: io.BytesIO(b"a"),
        lambda: changed(io.BytesIO(b"a"), lambda one: one.read()),
        lambda: random.Random(1),
        lambda: changed(random.Random(1), lambda one: one.random()),
        lambda: np.random.default_rng(1),
        lambda: changed(np.random.default_rng(1), lambda one: one.random()),
        lambda: changed(np.random.default_rng(1), lambda one: one.spawn(1)),
        lambda: np.random.RandomState(1),
        lambda: changed(np.random.RandomState(1), lambda one: one.rand()),
        lambda: forest(0),
        lambda: forest(1),
        lambda: list[int],
        lambda: list[str],
        lambda: int | None,
    ],
    "functions": [
        lambda: len,
        lambda: [1].append,
        lambda: [2].append,
        lambda: str.join,
        lambda: json.dumps,
        lambda: np.sin,
        lambda: functools.partial(int, base=2),
        lambda: functools.partial(int, base=3),
        lambda: pathlib.Path("a").exists,
        lambda: digest,
        lambda: json,
    ],
    "arrays": [
        lambda: F,
        lambda: F.T,
        lambda: F.ravel(),
        lambda: F.astype("f4"),
        lambda: F.astype(">f8"),
        lambda: F.astype("i8"),
        lambda: F.astype(object),
        lambda: F.astype("c16"),
        lambda: F.astype("U3"),
        lambda: F.astype("S3"),
        lambda: F.astype("M8[s]"),
        lambda: F.astype("M8[ms]"),
        lambda: np.matrix(F),
        lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i1"), ("b", "f8")]),
        lambda: np.array([(1, 2.0)], dtype=[("a", "i1"), ("b", "f8")]),
        lambda: np.array([(1, 2.0)], dtype=[("a", "i1"), ("c", "f8")]),
        lambda: masked(0, 1),
        lambda: masked(1, 0),
        lambda: masked(0, 0),
        lambda: np.zeros((0, 2)),
        lambda: np.zeros((2, 0)),
        lambda: np.array(0.0),
        lambda: np.array(-0.0),
        lambda: np.array(1, dtype="longdouble"),
        lambda: np.array(["a"], dtype=np.dtypes.StringDType()),
        lambda: np.array([1, "a", None], dtype=object),
        lambda: scipy.sparse.csr_matrix(F),
        lambda: scipy.sparse.csr_array(F),
        lambda: scipy.sparse.csc_matrix(F),
        lambda: scipy.sparse.csr_matrix(F + 1),
    ],
    "frames": [
        frame,
        lambda: frame().rename(columns={"a": "c"}),
        lambda: frame()[["b", "a"]],
        lambda: frame().iloc[::-1],
        lambda: frame().set_axis([1, 0]),
        lambda: frame().set_axis([0, 1]),
        lambda: frame().rename_axis("i"),
        lambda: frame().rename_axis(columns="i"),
        lambda: frame().astype({"a": "f4"}),
        lambda: frame().astype({"a": "Int64"}),
        lambda: frame().astype({"b": object}),
        lambda: frame().astype({"b": "category"}),
        lambda: frame().astype({"b": pd.CategoricalDtype(["y", "x"])}),
        lambda: frame().astype({"b": pd.CategoricalDtype(["x", "y"], ordered=True)}),
        lambda: frame().astype({"b": "string"}),
        lambda: changed(frame(), lambda one: one.attrs.update(a=1)),
        lambda: frame().set_flags(allows_duplicate_labels=False),
        lambda: changed(frame(), lambda one: one.isetitem(0, [1.0, np.nan])),
        lambda: frame(a=[None, 1], b=["x", "y"]),
        lambda: frame(a=pd.array([1, None]), b=["x", "y"]),
        lambda: frame(a=pd.array([1.0, np.nan], dtype="object"), b=["x", "y"]),
        lambda: frame().set_index("b"),
        lambda: frame().set_index("b", append=True),
        lambda: frame()["a"],
        lambda: frame()["a"].rename("b"),
        lambda: frame()["a"].rename(None),
        lambda: frame().index,
        lambda: pd.Index([0, 1]),
        lambda: pd.Index([0, 1], name="i"),
        lambda: pd.date_range("2020", periods=2),
        lambda: pd.DatetimeIndex(["2020-01-01", "2020-01-02"]),
        lambda: pd.date_range("2020", periods=2, tz="UTC"),
        lambda: pd.period_range("2020", periods=2),
        lambda: pd.interval_range(0, 2),
        lambda: pd.interval_range(0, 2, closed="left"),
        lambda: pd.MultiIndex.from_product([["a"], [1, 2]]),
        lambda: pd.MultiIndex.from_product([["a"], [1, 2, 3]])[:2],
        lambda: pd.Categorical(["a"]),
        lambda: pd.array([1, None]),
        lambda: pd.array([1, 0]),
        lambda: pd.array(["a", None]),
        lambda: pd.array(["a", ""]),
        lambda: pd.arrays.SparseArray([0, 1]),
        lambda: frame().groupby("b"),
        lambda: frame().groupby("a"),
        lambda: TABLE,
        lambda: TABLE.slice(1),
        lambda: TABLE.rename_columns(["a", "c"]),
        lambda: TABLE["b"],
        lambda: TABLE["b"].fill_null(""),
        lambda: TABLE.replace_schema_metadata({"a": "b"}),
    ],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_different_values_have_different_digests(family: str) -> None:
    found: dict[str, int] = {}
    for number, make in enumerate(FAMILIES[family]):
        mark = digest(make())
        assert mark is not None, number
        assert found.setdefault(mark, number) == number


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_values_have_equal_digests(family: str) -> None:
    for number, make in enumerate(FAMILIES[family]):
        assert digest(make()) == digest(make()), number


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"sharing"}))
def test_a_value_that_was_pickled_has_the_same_digest(family: str) -> None:
    for number, make in enumerate(FAMILIES[family]):
        value = make()
        if value is not json:
            assert digest(pickle.loads(pickle.dumps(value, 5))) == digest(value), number


leaves = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    *(st.complex_numbers(), st.dates(), st.timedeltas(), st.decimals(), st.uuids()),
)
hashable = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary())
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        *(st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(hashable, inner)),
        *(st.sets(hashable), st.frozensets(hashable), st.builds(Open, a=inner)),
    ),
    max_leaves=20,
)


@given(values)
@settings(deadline=None)
def test_a_copy_has_the_same_digest(value: object) -> None:
    mark = digest(value)
    assert mark is not None
    assert digest(copy.deepcopy(value)) == mark
    assert digest([value]) != mark
    assert digest((value,)) != digest([value])


@given(st.lists(values, min_size=1), st.data())
@settings(deadline=None)
def test_a_change_anywhere_changes_the_digest(rows: list[Any], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(values)
    if digest(other) != digest(rows[position]):
        assert digest([*rows[:position], other, *rows[position + 1 :]]) != digest(rows)
    assert digest([*rows, other]) != digest(rows)
    assert digest(rows[:position] + rows[position + 1 :]) != digest(rows)


@given(st.lists(st.one_of(st.integers(), st.text()), unique_by=lambda one: (type(one), one)))
def test_the_order_of_a_set_does_not_count_and_of_a_dict_does(items: list[Any]) -> None:
    turned = items[::-1]
    assert digest(set(items)) == digest(set(turned))
    assert digest(frozenset(items)) == digest(frozenset(turned))
    if len(items) > 1:
        assert digest(dict.fromkeys(items)) != digest(dict.fromkeys(turned))


@given(st.lists(st.floats(width=64), min_size=1), st.integers(1, 3))
def test_an_array_is_its_elements(numbers: list[float], step: int) -> None:
    array = np.array(numbers)
    wide = np.repeat(array, step)[::step]
    assert digest(wide) == digest(array)
    assert digest(np.asfortranarray(np.tile(array, (2, 1)))) == digest(np.tile(array, (2, 1)))
    again = array.copy()
    again[0] = 5.5 if numbers[0] != 5.5 else 6.5
    assert digest(again) != digest(array)


def test_one_nan_is_like_another() -> None:
    usual, other = np.array([1.0, np.nan]), np.array([1.0, -np.nan])
    assert usual.tobytes() != other.tobytes()
    assert digest(usual) == digest(other)
    assert digest(float(usual[1])) == digest(float(other[1]))
    assert digest(usual * 1j) == digest(other * 1j)


def test_how_pandas_and_pyarrow_keep_a_table_does_not_count() -> None:
    whole = frame(a=[1.0, 2.0], b=[3.0, 4.0], c=["x", "y"])
    pieces = whole[["a"]].copy()
    pieces["b"], pieces["c"] = whole["b"], whole["c"]
    joined = pd.concat([whole[:1], whole[1:]], ignore_index=True)
    assert digest(pieces) == digest(joined) == digest(whole)
    halves = pa.concat_tables([TABLE[:1], TABLE[1:]])
    assert digest(halves) == digest(TABLE)
    assert digest(pa.chunked_array([["a"], ["b"]])) == digest(pa.chunked_array([["a", "b"]]))


def test_what_a_look_at_a_value_fills_in_does_not_count() -> None:
    value, matrix = frame(), scipy.sparse.csr_matrix(F)
    before = digest([value, matrix])
    repr(value), value.index.is_unique, value["a"], value.groupby("b").groups, value.T
    assert matrix.has_sorted_indices
    assert matrix.has_canonical_format
    assert digest([value, matrix]) == before


SOURCE = """\
def make(n):
    def inner(x, *rest, y=2, **more):
        "What it does."
        return [x + n + y + z for z in rest if z in {1, 2}]
    return inner
made = make(3)
short = lambda x, k=7: x + 1

class Shape:
    sides: int = 3
    def area(self):
        return super().__init__()
    @property
    def double(self):
        return self.sides * 2
shape = Shape()
"""


def defined(source: str, name: str) -> str | None:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, f"<{len(source)}>", "exec"), names)
    return digest(names[name])


@pytest.mark.parametrize("name", ["make", "made", "short", "Shape", "shape"])
def test_code_is_the_same_wherever_it_stands(name: str) -> None:
    assert defined(SOURCE, name) == defined("import os\n\n\n" + SOURCE, name) is not None


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("made", "make(3)", "make(4)"),
        ("made", "x + n", "n + x"),
        ("made", "y=2", "y=3"),
        ("made", "{1, 2}", "{1, 3}"),
        ("made", "What", "All"),
        ("made", "*rest", "*rest: int"),
        ("made", "z in {", "z not in {"),
        ("short", "x + 1", "x + 1.0"),
        ("short", "x + 1", "x - 1"),
        ("short", "k=7", "k=8"),
        ("short", "x + 1", "max(x)"),
        ("Shape", "sides: int = 3", "sides: int = 4"),
        ("Shape", "sides: int = 3", "sides: float = 3"),
        ("Shape", "sides * 2", "sides * 3"),
        ("Shape", "class Shape", "class Shape(dict)"),
        ("shape", "sides * 2", "sides * 3"),
        ("shape", "shape = Shape()", "shape = Shape(); shape.sides = 3"),
    ],
)
def test_a_change_of_code_changes_the_digest(name: str, old: str, new: str) -> None:
    assert old in SOURCE
    assert defined(SOURCE.replace(old, new), name) != defined(SOURCE, name)


OTHER_PROCESS = """\
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
import fingerprint
x = np.arange(60.0).reshape(20, 3) % 7
values = [
    {"b", "a", ("c", frozenset("xyz"))}, RandomForestClassifier(3, random_state=0).fit(x, x[:, 0]),
    TfidfVectorizer().fit(["aa bb", "bb cc"]), pd.DataFrame({"a": ["x", None], "b": [1.5, 2]}),
    fingerprint.snapshot, lambda x: x in {"b", "a", "c"}, object(), np.random.mtrand._rand,
    {type(one) for one in (1, "a", None)},
]
found = [fingerprint.digest(value) for value in values]
assert None not in found, found
print(found)
"""


def test_another_process_finds_the_same(tmp_path: Path) -> None:
    folder = tmp_path  # alone: what lies beside it would be imported for modules of the same name
    (folder / "fingerprint.py").write_bytes(Path(fingerprint.__file__).read_bytes())
    found = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-c", OTHER_PROCESS, str(folder)]
        found.add(subprocess.check_output(command, env={"PYTHONHASHSEED": seed}, text=True))
    assert len(found) == 1


def test_needs_the_standard_library_only() -> None:
    code = (
        "import sys; names = {}; exec(open(sys.argv[1]).read(), names); "
        "taken = names['snapshot']({'a': [1], 'f': len, 'c': (i for i in ())}, crossing=['a']); "
        "assert taken['names']['a']['digest'], taken; "
        "heavy = {'numpy', 'pandas', 'asyncio', 'ctypes', 'typing_extensions', 'sqlite3', 'ssl'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code, fingerprint.__file__], check=True)


def unbegun(last: int = 2) -> Any:
    yield 1
    yield last


def dropping(value: Any) -> Any:
    left = value.left
    del value
    yield left


def numbers() -> Any:
    made = unbegun()
    next(made)
    return made


def plotted() -> Any:
    from matplotlib.figure import Figure

    return Figure().subplots()


def nested(levels: int) -> Any:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


STUCK: dict[str, tuple[Callable[[], Any], str]] = {
    "generator": (numbers, "a generator"),
    "zip": (lambda: zip(numbers(), strict=True), "a generator"),
    "deque": (lambda: iter(collections.deque([1])), "an iterator"),
    "file": (lambda: open("/dev/null"), "an open file"),  # noqa: SIM115, PTH123
    "lock": (threading.Lock, "a lock"),
    "event": (threading.Event, "a lock"),
    "axes": (plotted, "part of a figure"),
    "inside": (lambda: {"a": [numbers()]}, "a generator"),
    "closure": (lambda: functools.partial(print, numbers()), "a generator"),
}


@pytest.mark.parametrize("kind", STUCK)
def test_what_belongs_to_its_process_is_not_compared(kind: str) -> None:
    make, what = STUCK[kind]
    fact = snapshot({"value": make()})["names"]["value"]
    assert fact["digest"] is None
    assert what in fact["stuck"]
    assert what in fact["why"]
    assert fact["form"]


class Countdown:
    """As an iterator of a library: what it says of itself is what it is."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __iter__(self) -> Countdown:
        return self

    def __next__(self) -> int:
        self.left -= 1
        return self.left


ITERATORS: dict[str, Callable[[], Any]] = {
    "list": lambda: iter([1, 2, 3]),
    "reversed": lambda: reversed([1, 2, 3]),
    "range": lambda: iter(range(3)),
    "text": lambda: iter("abc"),
    "items": lambda: iter({"a": 1, "b": 2}.items()),
    "enumerate": lambda: enumerate("abc"),
    "zip": lambda: zip([1, 2], "ab", strict=True),
    "map": lambda: map(str, [1, 2, 3]),
    "filter": lambda: filter(None, [1, 2, 3]),
    "chain": lambda: itertools.chain([1, 2], [3]),
    "islice": lambda: itertools.islice([1, 2, 3], 2),
    "cycle": lambda: itertools.cycle([1, 2]),
    "permutations": lambda: itertools.permutations("abc"),
}


@pytest.mark.parametrize("kind", ITERATORS)
def test_an_iterator_is_what_it_goes_through_and_how_far_it_is(kind: str) -> None:
    make = ITERATORS[kind]
    value, further = make(), make()
    next(further)
    fact = snapshot({"value": value})["names"]["value"]
    assert fact["digest"] is not None
    assert fact["digest"] == digest(make()) != digest(further)
    assert fact["stuck"] == "an iterator belongs to its own process"
    assert list(itertools.islice(value, 9)) == list(itertools.islice(make(), 9))


def test_a_generator_is_compared_where_it_has_not_begun_or_has_ended() -> None:
    value, over = unbegun(), unbegun()
    assert list(over) == [1, 2]
    fact = snapshot({"value": value})["names"]["value"]
    assert fact["stuck"] == "a generator belongs to its own process"
    assert None is not fact["digest"] == digest(unbegun()) != digest(unbegun(3))
    assert None is not digest(over) != fact["digest"]
    rows = [1]
    doubled = (2 * one for one in rows)
    assert None is not digest(doubled) != digest(2 * one for one in [2])
    assert digest(doubled) != digest(3 * one for one in rows)
    assert aliases(rows=rows, doubled=doubled) == [["doubled", "rows"]]
    assert list(value) == [1, 2]
    held = Countdown(1)
    looked = dropping(held)
    assert digest(looked) is not None
    assert (list(looked), sys.getrefcount(held)) == ([1], 2)
    assert next(doubled) == 2
    assert digest(doubled) is None


def test_an_iterator_shares_what_it_goes_through() -> None:
    rows = [1, 2]
    assert aliases(rows=rows, left=iter(rows)) == [["left", "rows"]]


def test_an_iterator_of_a_library_is_compared_by_what_it_keeps_and_not_moved_on() -> None:
    value, further = Countdown(3), Countdown(3)
    next(further)
    assert digest(value) == digest(Countdown(3)) != digest(further)
    assert value.left == 3
    assert snapshot({"value": Countdown(numbers())})["names"]["value"]["digest"] is None


def test_what_stands_in_a_list_beside_parts_of_a_figure_is_compared() -> None:
    axes = plotted()
    counts = np.array([1.0, 2.0])
    fact = snapshot({"value": (counts, axes.plot([1])[0])})["names"]["value"]
    assert fact["digest"] is not None
    assert fact["digest"] == digest((counts.copy(), axes.plot([1, 2])[0]))
    assert fact["digest"] != digest((counts + 1, axes.plot([1])[0]))
    assert fact["digest"] != digest((counts, axes.bar([1], [2])))
    assert fact["stuck"] == "part of a figure belongs to its own process"
    assert digest([numbers(), axes]) is None


def test_a_widget_is_what_it_shows_and_stays_with_its_process() -> None:
    import ipywidgets

    def facts(**given: Any) -> Any:
        box = ipywidgets.VBox([ipywidgets.FloatSlider(max=3, **given), ipywidgets.Button()])
        return snapshot({"box": box})["names"]["box"]

    one, same, other = facts(value=1), facts(value=1), facts(value=2)
    assert one["digest"] is not None
    assert one["digest"] == same["digest"] != other["digest"]
    assert one["form"] == other["form"]
    assert one["stuck"] == "a widget belongs to the page of its own process"
    shown = ipywidgets.interactive(lambda x: x, x=1)
    shown.result = 1
    before = digest(shown)
    shown.result = 2
    assert before is not None
    assert before != digest(shown)
    shared = ipywidgets.IntSlider()
    assert aliases(slider=shared, box=ipywidgets.HBox([shared])) == [["box", "slider"]]


def test_a_closed_file_is_its_name_and_mode(tmp_path: Path) -> None:
    def closed(name: str, mode: str) -> Any:
        with (tmp_path / name).open(mode) as file:
            return file

    facts = [snapshot({"file": closed("a", mode)})["names"]["file"] for mode in ("w", "w", "wb")]
    assert facts[0]["digest"] is not None
    assert facts[0]["digest"] == facts[1]["digest"] != facts[2]["digest"]
    assert facts[0]["digest"] != digest(closed("b", "w"))
    assert "closed file" in facts[0]["stuck"]


def test_too_large_and_too_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    assert digest(nested(fingerprint.DEPTH - 5)) is not None
    fact = snapshot({"value": nested(5000)})["names"]["value"]
    assert (fact["digest"], fact["why"]) == (
        None,
        "nested too deep to compare: more than 200 levels",
    )
    monkeypatch.setattr(fingerprint, "NODES", 100)
    fact = snapshot({"value": [[] for _ in range(200)]})["names"]["value"]
    assert (fact["digest"], fact["why"]) == (None, "too large to compare: more than 100 objects")
    assert fact["stuck"] is None


class Hostile:
    """Whoever asks it anything breaks it."""

    def __init__(self, loud: bool) -> None:
        object.__getattribute__(self, "__dict__")["loud"] = loud

    def refuse(self, *_: object) -> Any:
        raise AssertionError("was asked")

    __repr__ = __str__ = __eq__ = __len__ = __iter__ = __bool__ = __getattr__ = refuse
    __hash__ = __dir__ = __reduce_ex__ = __format__ = __contains__ = __getstate__ = (
        __getattribute__
    ) = refuse
    answer = property(refuse)


def test_asks_objects_of_the_notebook_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hostile, "__module__", "__main__")
    one, other = digest(Hostile(True)), digest(Hostile(False))
    assert one is not None
    assert other is not None
    assert one != other


def test_changes_nothing() -> None:
    import warnings

    everything = [make() for family in FAMILIES.values() for make in family]
    before = random.getstate(), repr(np.random.get_state()), list(warnings.filters)
    limit, modules = sys.getrecursionlimit(), set(sys.modules)
    taken = snapshot({f"v{number}": value for number, value in enumerate(everything)})
    again = snapshot({f"v{number}": value for number, value in enumerate(everything)})
    assert taken == again
    assert (random.getstate(), repr(np.random.get_state()), list(warnings.filters)) == before
    assert sys.getrecursionlimit() == limit
    assert set(sys.modules) == modules


def test_looking_at_an_object_makes_it_no_other() -> None:
    looked_at = ValueError("x")
    assert looked_at.__dict__ == {}
    assert digest(looked_at) == digest(ValueError("x"))


def aliases(**names: Any) -> list[list[str]]:
    found: list[list[str]] = snapshot(names)["aliases"]
    return sorted(found)


def test_names_what_variables_share() -> None:
    rows, array, value = [1], np.arange(10), frame()
    assert aliases(a=rows, b={"x": rows}, c=[1], d=rows.append) == [["a", "b", "d"]]
    assert aliases(a=rows, f=lambda: rows) == [["a", "f"]]
    assert aliases(a=array, b=array[:5], c=array[5:]) == [["a", "b"], ["a", "c"]]
    assert aliases(a=array, b=array[:6], c=array[5:]) == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert aliases(a=[array, rows], b=array, c=rows) == [["a", "b"], ["a", "c"]]
    assert aliases(a=[array, rows], b=[array, rows], c=rows) == [["a", "b", "c"]]
    assert aliases(b=array[:5], c=array[5:]) == []
    assert aliases(b=array[::2], c=array[1::2]) == []
    things = np.array([1, "x"], dtype=object)
    assert aliases(a=things, b=things[:1]) == [["a", "b"]]
    assert aliases(a=array, b=array.reshape(2, 5).T) == [["a", "b"]]
    assert aliases(a=array, b=array.copy(), n=1, m=1, s="x", t="x", u=(1,), v=(1,)) == []
    assert aliases(a=value, b=value) == [["a", "b"]]
    assert aliases(a=value, b=[value]) == [["a", "b"]]
    assert (
        aliases(f=digest, g=digest, m=json, n=json, c=Open, d=Open, e=Colour.RED, h=Colour.RED)
        == []
    )
    assert (
        aliases(a=pd.Timestamp(0), b=pd.Timestamp(1), c=pd.NA, d=[pd.NA], e=value.dtypes["b"]) == []
    )


def test_very_many_views_of_an_array_are_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(30)
    views = {f"v{number}": array[number : number + 2] for number in range(0, 30, 2)}
    assert len(aliases(array=array, **views)) == len(views)
    monkeypatch.setattr(fingerprint, "PAIRS", 5)
    assert aliases(array=array, **views) == [sorted(["array", *views])]


@pytest.mark.skipif(int(pd.__version__.split(".")[0]) < 3, reason="older pandas does share")
def test_copy_on_write_does_not_share() -> None:
    value = frame()
    assert aliases(a=value, b=value[:], c=value["a"], d=value.head(1), e=value.copy()) == []
    assert aliases(a=value, b=value[:], c=value["a"], other=np.arange(3)) == []
    assert aliases(a=value, v=value["a"].to_numpy()) == [["a", "v"]]


@pytest.mark.skipif(int(pd.__version__.split(".")[0]) < 3, reason="older pandas does share")
def test_a_groupby_copies_on_write_as_frames_do() -> None:
    value = pd.DataFrame({"key": [1, 2, 1], "n": [1.0, 2.0, 3.0]})
    keys = np.array(["a", "b", "a"])
    groups = value[["key"]].groupby(["key"])
    assert aliases(value=value, groups=groups, sizes=groups.size()) == []
    assert aliases(value=value, groups=value.groupby(["key"])) == [["groups", "value"]]
    assert aliases(keys=keys, groups=value.groupby(keys)) == [["groups", "keys"]]


def test_form_is_what_remains_without_the_values() -> None:
    def form(value: object) -> str:
        found: str = snapshot({"value": value})["names"]["value"]["form"]
        return found

    assert form(frame()) == form(frame() * 2)
    assert form(frame()) != form(frame().rename(columns={"a": "c"}))
    assert form(frame()) != form(frame()[:1])
    assert form(F) == form(F + 1)
    assert form(F) != form(F.astype("f4"))
    assert form({"a": 1, "b": [1.5]}) == form({"a": 2, "b": [2.5]})
    assert form({"a": 1}) != form({"b": 1})
    assert form([1, 2]) != form([1])
    assert form([1]) != form([1.0])


def test_a_snapshot_is_one_of_the_domain() -> None:
    names = {
        "a": [1, 2],
        "frame": frame(),
        "json": json,
        "g": numbers(),
        "_x": 1,
        "_i1": "",
        "_": 1,
        "In": [],
    }
    taken = snapshot({**names, "get_ipython": len, "open": open, "f": lambda a, b: a})
    read = Snapshot.model_validate({"cell": 0, **json.loads(json.dumps(taken))})
    assert set(read.names) == {"a", "frame", "json", "g", "f", "_x"}
    assert read.names["frame"].type == "pandas.DataFrame"
    assert read.names["frame"].summary == "2 × 2 float64, str"
    assert read.names["a"].type == "list"
    assert (read.names["json"].type, read.names["json"].digest) == ("module", "json")


def test_states(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def states() -> dict[str, str]:
        found: dict[str, str] = snapshot({})["states"]
        return found

    before = states()
    assert states() == before
    changes: dict[str, Callable[[], object]] = {
        "random": random.random,
        "numpy.random": np.random.random,
        "cwd": lambda: monkeypatch.chdir(tmp_path),
        "environ": lambda: monkeypatch.setenv("SOME_SETTING", "1"),
    }
    for name, change in changes.items():
        change()
        after = states()
        assert {one for one in after if after[one] != before[one]} == {name}
        before = after
    monkeypatch.setenv("GALLEY_RUN_ID", "another")
    assert states() == before


def test_tries_whether_a_variable_can_cross() -> None:
    names = {"a": [1], "f": lambda: 1, "bad": Refusing(), "other": Refusing()}
    facts = snapshot(names, crossing=["a", "f", "bad", "not there"])["names"]
    assert facts["a"]["stuck"] is None
    assert facts["f"]["stuck"] is None
    assert "does not travel" in facts["bad"]["stuck"]


class Refusing:
    def __reduce_ex__(self, _: Any) -> Any:
        raise TypeError("does not travel")


def test_a_vectorizer_fitted_twice_is_the_same() -> None:
    words = ["one two", "two three"]
    one, other = (TfidfVectorizer(stop_words=["".join(["t", "wo"])]).fit(words) for _ in range(2))
    one.transform(words)
    assert digest(one) == digest(other) is not None


def test_large_arrays_can_be_handed_over_and_have_a_size() -> None:
    values = {
        "frame": pd.DataFrame(np.ones((500, 30))),
        "array": np.zeros(10**5),
        "series": pd.Series([1, 2]),
    }
    facts = snapshot(values, crossing=values)["names"]
    assert {name: fact["stuck"] for name, fact in facts.items()} == dict.fromkeys(values)
    assert facts["array"]["size"] >= 8 * 10**5


def test_a_masked_array_of_objects_is_itself_once_it_was_looked_at_and_pickled() -> None:
    """NumPy makes its default fill value a text of its own, and pickle one of Python's."""
    array = np.ma.MaskedArray(np.array(["a", None], dtype=object), mask=[False, True])
    before = digest(array)
    assert isinstance(array.fill_value, np.str_)
    back = pickle.loads(pickle.dumps(array))
    assert not isinstance(back.fill_value, np.str_)
    assert digest(array) == digest(back) == before is not None
    back.fill_value = "b"
    assert digest(back) != before


class Measured(np.ndarray):
    unit = ""


def test_two_arrays_on_the_same_memory_are_one() -> None:
    array = np.arange(6.0)
    same = array.view()
    assert digest([array, same]) == digest([array, array]) != digest([array, array.copy()])
    assert digest([array, array[::-1]]) != digest([array, array])
    assert digest([array, array[:5]]) == digest([array, array[:5].copy()])
    assert digest([array, array.view("i8")]) != digest([array, array])
    unit = array.view(Measured)
    unit.unit = "m"
    other = unit.view(Measured)
    other.unit = "km"
    assert digest([unit, other]) != digest([unit, unit])
    empty = np.arange(0)
    assert digest([empty, empty.view()]) == digest([empty, empty.copy()])


def test_what_a_model_gives_out_of_its_data_does_not_depend_on_who_made_the_memory() -> None:
    own = np.arange(40.0).reshape(20, 2).copy()
    borrowed = np.frombuffer(bytearray(own.tobytes())).reshape(20, 2)
    models = [KNeighborsClassifier(2).fit(x, own[:, 0] > 9) for x in (own, borrowed)]
    assert digest(models[0]) == digest(models[1]) is not None
