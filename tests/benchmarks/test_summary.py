from __future__ import annotations

from typing import Any

from scoreboard.outcome import why
from scoreboard.summary import lines, percentile


def plan(*names: str, codes: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "tasks": [{"name": name} for name in names],
        "merges": [{"code": code} for code in codes],
        "reason": None,
    }


def test_the_figures_say_what_the_records_say() -> None:
    base = {"kind": "python", "headings": 3, "coded": 3, "wall_s": 0.01, "cpu_s": 0.01}
    equal = {"split": "proved", "state": "equal", "unstable": [], "different": []}
    clean = {"error": None, "why": None}
    records = [
        {**base, "name": "a", "plan": plan("x", "y"), "plain": clean, "check": equal,
         "proof": {"state": "equal", "cost": 3.5}},
        {**base, "name": "b", "plan": plan("x", "y"), "plain": clean,
         "check": {**equal, "state": "differs", "different": ["df at the end of x"]},
         "proof": {"state": "equal", "cost": 4.5}},
        {**base, "name": "c", "plan": plan("x", codes=("generator", "generator"))},
        {**base, "name": "d", "error": "Traceback\nKeyError: 'x'"},
        {"kind": "another language", "headings": 0, "name": "e"},
    ]  # fmt: skip
    text = "\n".join(lines(records))
    for expected in (
        "internal errors                 1 of 5 (20.0 %)",
        "d: KeyError: 'x'",
        "one task, of 3+ headings        1 of 3 (33.3 %)",
        "       1  generator",
        "silently wrong                  1 of 2 (50.0 %)",
        "b: differs: ['df at the end of x']",
        "median 4.0, max 4.5",
        "p50 10.0 ms, p95 10.0 ms",
    ):
        assert expected in text


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile(list(map(float, range(1, 101))), 95) == 95.0
    assert percentile([7.0], 95) == 7.0


def test_a_cause_is_named_so_that_it_can_be_counted() -> None:
    assert why("ModuleNotFoundError: No module named 'a.b'") == "missing module a.b"
    assert why("ImportError: cannot import name 'x' from 'y.z' (/a/b.py)") == "y.z has no x"
    assert why("URLError: <urlopen error [Errno -3] …>") == "network"
    assert why("FileNotFoundError: [Errno 2] No such file: 'x.csv'") == "missing file"
    assert why("NameError: name 'x' is not defined") == "NameError"
