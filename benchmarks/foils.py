"""Other schedulers under the same fate as chaos.py's, judged by the same checker.

Each runs from an interpreter of its own, which has it installed; nothing of it is in our lock. Its
processes are killed by SIGKILL at random moments and started anew, and what they fired is matched
to the times at which they had to.

    python benchmarks/foils.py [--apscheduler PYTHON] [--jupyter-scheduler PYTHON] [--kills 50]
        [--services 1] [--seed N]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from math import ceil, floor
from pathlib import Path
from typing import NamedTuple

from _checker import matching

HERE = Path(__file__).parent


class Foil(NamedTuple):
    """A scheduler.

    Attributes:
        script: the process of it, which appends "NAME SECONDS" to a ledger for each firing.
        period_s: between two firings of a schedule.
        window_s: how late a firing may be and still count.
        lives_s: a process lives between these.
    """

    script: str
    schedules: int
    period_s: int
    window_s: int
    lives_s: tuple[float, float]


FOILS = {
    "apscheduler": Foil("peers/apscheduler_firings.py", 2, 1, 15, (2, 10)),
    # A process of it takes two seconds to start, and one more for each job. The window is shorter
    # than the period, or what is fired twice would pass for what was missed.
    "jupyter-scheduler": Foil("peers/jupyter_scheduler_firings.py", 2, 15, 14, (10, 40)),
}


class Keeper:
    """The processes, each killed at a random moment and started anew.

    Args:
        commands: of each process.
    """

    def __init__(self, foil: Foil, commands: Sequence[Sequence[str]], seed: int) -> None:
        self._foil = foil
        self._commands = commands
        self._chance = random.Random(seed)
        self._groups: list[int] = []
        self._living = [self._start(command) for command in commands]
        self.kills = 0

    def _start(self, command: Sequence[str]) -> tuple[subprocess.Popen[bytes], float]:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._groups.append(process.pid)
        return process, time.monotonic() + self._chance.uniform(*self._foil.lives_s)

    def tend(self) -> None:
        """Kill whose time has come; start anew what has ended."""
        for place, (process, until) in enumerate(self._living):
            if process.poll() is None and time.monotonic() < until:
                continue
            self.kills += process.poll() is None
            self._kill(process)
            self._living[place] = self._start(self._commands[place])

    def end(self) -> None:
        """Kill all, and the jobs that outlived those who started them."""
        for process, _ in self._living:
            self._kill(process)
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()


def judge(foil: Foil, ledger: Path, until: float) -> dict[str, int]:
    """Match the times before ``until`` to the firings, each within the window."""
    fired: dict[str, list[float]] = defaultdict(list)
    for line in ledger.read_text().splitlines():
        name, at = line.split()
        fired[name].append(float(at))
    told = {"times": 0, "missed": 0, "extra": 0}
    for times in fired.values():
        first = ceil(min(times) / foil.period_s) * foil.period_s
        targets = range(first, floor(until / foil.period_s) * foil.period_s, foil.period_s)
        runs = [at for at in times if at >= first]
        may_be_for = (
            (place, [one for one in targets if one <= at <= one + foil.window_s])
            for place, at in enumerate(runs)
        )
        missed, extra = matching(targets, may_be_for)
        # What was fired after the last target is for a later one.
        extra -= sum(at >= targets[-1] + foil.period_s for at in runs) if targets else 0
        told["times"] += len(targets)
        told["missed"] += missed
        told["extra"] += max(0, extra)
    return told


def main() -> None:
    options = argparse.ArgumentParser()
    for name in FOILS:
        options.add_argument(f"--{name}", metavar="PYTHON")
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--services", type=int, default=1)
    options.add_argument("--seed", type=int, default=int(time.time()))
    chosen = options.parse_args()
    given = {name: python for name in FOILS if (python := getattr(chosen, name.replace("-", "_")))}
    if not given:
        print(f"no scheduler to judge: name an interpreter, --{' or --'.join(FOILS)} PYTHON")
    for name, python in given.items():
        print(f"seed {chosen.seed}, {name}, {chosen.services} services", flush=True)
        for what, value in _judged(FOILS[name], python, chosen).items():
            print(f"{what:8} {value}")


def _judged(foil: Foil, python: str, chosen: argparse.Namespace) -> dict[str, int]:
    """Run, kill, check."""
    with tempfile.TemporaryDirectory(prefix="galley-foil-") as folder:
        ledger = Path(folder) / "ledger"
        ledger.touch()
        command = [
            python,
            str(HERE / foil.script),
            f"sqlite:///{folder}/foil.db",
            str(ledger),
            str(foil.schedules),
            str(foil.window_s),
        ]
        keeper = Keeper(foil, [command] * chosen.services, chosen.seed)
        try:
            while keeper.kills < chosen.kills:
                keeper.tend()
                time.sleep(0.05)
            until = time.time()
            while time.time() < until + foil.window_s:
                keeper.tend()
                time.sleep(0.05)
            told = judge(foil, ledger, until)
        finally:
            keeper.end()
        return {"kills": keeper.kills, **told}


if __name__ == "__main__":
    main()
