from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from scoreboard import plain


def test_surviving_values_are_compared_where_they_were_last_changed() -> None:
    first: dict[str, Any] = {
        "final": {"df": "1", "model": "2", "t": "3", "gen": None, "np": "4", "lost": "5"},
        "writer": {"df": 1, "model": 2, "t": 2, "gen": 2, "np": 0, "lost": 2},
        "kinds": dict.fromkeys(("df", "model", "t", "gen", "lost"), "value") | {"np": "module"},
    }
    again = {"final": {**first["final"], "t": "another time"}}
    ends: dict[str, dict[str, str | None]] = {
        "clean": {"df": "1", "model": "stale"},
        "fit": {"df": "stale", "model": "changed", "t": "9", "np": "9"},
    }
    compared, different, unstable = plain.differing(
        first, again, ends, {0: "clean", 1: "clean", 2: "fit"}
    )
    assert compared == 3
    assert different == ["model at the end of fit", "lost at the end of fit"]
    assert unstable == ["t"]


def test_a_run_that_takes_too_long_or_dies_says_so(tmp_path: Path) -> None:
    asleep = [(0, "import threading; threading.Event().wait()", False)]
    slow = plain.run(asleep, folder=tmp_path, trace=False, timeout_s=0.5)
    assert slow["error"] == "Timeout: longer than 0.5 s"
    dead = plain.run(
        [(0, "import os; os._exit(7)", False)], folder=tmp_path, trace=False, timeout_s=30
    )
    assert dead["error"].startswith("Died: exit status 7")


def test_a_run_sees_no_network_and_no_module_of_the_benchmark(tmp_path: Path) -> None:
    source = (
        "import socket, sys\n"
        "names = sorted(name for _, name in socket.if_nameindex())\n"
        "path = [one for one in sys.path if 'benchmarks' in one]\n"
        "assert not path, path\n"
        f"assert names == ['lo'] or {os.geteuid()}, names"
    )
    assert plain.run([(0, source, False)], folder=tmp_path, trace=False, timeout_s=30)["ended"]
