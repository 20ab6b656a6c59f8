from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scoreboard.values import digest


class Point:
    def __init__(self, x: object) -> None:
        self.x = x


SAMPLES: list[Any] = [
    1,
    1.0,
    True,
    "1",
    b"1",
    None,
    [1, 2],
    (1, 2),
    [2, 1],
    {"a": 1, "b": 2},
    {"a": 1, "b": 3},
    {1, 2},
    np.arange(3),
    np.arange(3.0),
    np.arange(3).reshape(3, 1),
    np.float32(1),
    pd.DataFrame({"a": [1, 2]}),
    pd.DataFrame({"a": [1, 2]}, index=[1, 2]),
    pd.DataFrame({"a": [1.0, 2.0]}),
    pd.Series([1, None]),
    pd.Series(["x", None]),
    pd.Timestamp("2026-01-01"),
    Point(1),
    Point([1]),
]


def test_different_values_have_different_digests() -> None:
    digests = [digest(sample) for sample in SAMPLES]
    assert None not in digests
    assert len(set(digests)) == len(SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: type(one).__name__)
def test_a_copy_has_the_same_digest(sample: object) -> None:
    assert digest(copy.deepcopy(sample)) == digest(sample)


def test_a_cycle_ends() -> None:
    loop: list[object] = [1]
    loop.append(loop)
    assert digest(loop) is not None


def test_what_cannot_be_judged_has_none() -> None:
    assert digest(iter([1])) is not None
    assert digest(one for one in [1]) is None
    assert digest({"deep": [(one for one in [1])]}) is None


def test_a_function_is_its_code_not_its_address() -> None:
    space: list[dict[str, Any]] = [{"__name__": "__main__"} for _ in range(3)]
    for namespace, source in zip(space, ("return a", "return a", "return b"), strict=True):
        exec(f"def f(a, b):\n    {source}", namespace)
    one, same, other = (digest(namespace["f"]) for namespace in space)
    assert one == same != other
