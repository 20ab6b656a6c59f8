"""What cannot be raised again is left as it is."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys

import pytest
from galley.inside import inherited

INFINITY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("own", "asked", "had"),
    [
        ((50, 100), (80, 100), (80, 100)),
        ((50, 100), (80, 200), (80, 100)),
        ((50, 100), (150, INFINITY), (100, 100)),
        ((50, 100), (INFINITY, INFINITY), (100, 100)),
        ((50, INFINITY), (INFINITY, INFINITY), (INFINITY, INFINITY)),
        ((50, 100), (20, 30), (20, 30)),
    ],
)
def test_a_limit_is_raised_as_far_as_it_may_be(
    monkeypatch: pytest.MonkeyPatch,
    own: tuple[int, int],
    asked: tuple[int, int],
    had: tuple[int, int],
) -> None:
    """As for who has no right to raise a hard limit."""
    limit = [own]

    def set_limit(_: int, wanted: tuple[int, int]) -> None:
        sizes = [float("inf") if one == INFINITY else one for one in (*wanted, limit[0][1])]
        if sizes[1] > sizes[2]:
            raise ValueError("not allowed to raise maximum limit")
        assert sizes[0] <= sizes[1]
        limit[0] = wanted

    monkeypatch.setattr(resource, "getrlimit", lambda _: limit[0])
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    inherited._limit(resource.RLIMIT_NOFILE, *asked)
    assert limit == [had]


@pytest.mark.skipif(shutil.which("make") is None, reason="GNU make is not installed")
def test_what_make_starts_has_signals_ignored_that_no_program_can_set() -> None:
    """It ignores two that the C library keeps for itself, in all that it starts."""
    module = "from galley.inside import inherited"
    script = f"import json; {module}; print(json.dumps(inherited.of_caller()))"
    rule = f"all:\n\t@{sys.executable} -c '{script}'\n"
    said = subprocess.run(
        ["make", "-s", "-f", "-"], input=rule, text=True, capture_output=True, check=True
    )
    told = json.loads(said.stdout)
    assert set(told["ignored"]) <= {int(one) for one in signal.valid_signals()}
    take = f"import json, sys; {module}; inherited.take(json.load(sys.stdin))"
    subprocess.run([sys.executable, "-c", take], input=said.stdout, text=True, check=True)
