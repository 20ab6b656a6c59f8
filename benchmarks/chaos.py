"""What survives when everything is killed: schedules under SIGKILL, restarts and jumping clocks.

Several processes run the service's own scheduler and reaper, under leases, on one database;
several hosts lease what they record, take a moment or some seconds, and report. Each process kills
itself by SIGKILL at a random statement of SQL or commit, and is started anew; on PostgreSQL the
server is crashed and restarted now and then; the clock of all jumps. Then a checker, as Jepsen's of
Chronos, matches the times that each schedule had to fire to the runs that were recorded, as a
bipartite graph: a time without a run is missed, a run without a time is extra. It counts runs that
two living hosts executed at the same time, too, and how long nobody led although somebody could.

The schedules' time runs 60 times as fast: each fires once a second. Ended by SIGINT or SIGTERM it
lets what is under way end, and checks that.

    python benchmarks/chaos.py [--kills 2000] [--store sqlite|postgresql] [--services 2] [--seed N]
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from galley.domain.runs import RunState
from galley.store import Store
from galley.store.tables import RunRow, ScheduleRow
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

sys.path.insert(0, str(Path(__file__).parents[1]))

from _checker import Takeovers, judge
from _swarm import SPEED, Arena, Swarm, forks

from tests.galley.postgres import SETTINGS, Cluster, running_cluster

WINDOW_S = 10.0
"""How late a firing may be recorded and still count, beyond the longest time without a database,
seconds: leaders die on their first steps, too."""
JUMP_S = 2.0
TAKEOVER_S = 5.0
"""Within which time 99 of 100 takeovers are to happen, seconds."""
SETTLE_S = 600.0
"""How long runs under way may take to end once nobody is killed any more, seconds."""
TELL_S = 20.0
SLOW = f"takeover p99 > {TAKEOVER_S:g} s"
WRONG = (
    "missed",
    "extra runs",
    "recorded late",
    "recorded, not succeeded",
    "runs with two successes",
    "executed twice at a time",
    "processes that failed",
    SLOW,
)
DURABLE = {**SETTINGS, "fsync": "on", "full_page_writes": "on", "autovacuum": "on"}
"""As a server that people run: this takes long enough for tables to need their statistics."""


@contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[str, Cluster | None]]:
    """Yield the URL of a migrated database without rows, and its server."""
    if kind == "sqlite":
        url = f"sqlite:///{folder}/galley.db"
        store = Store(url)
        store.migrate()
        store.close()
        yield url, None
        return
    with running_cluster(DURABLE) as cluster, cluster.database() as url:
        yield url, cluster


class Chaos:
    """One trial: what is broken, and how far it is.

    Attributes:
        restarts, jumps: of the database's server, and of the clock.
        longest_outage: of the database's server, seconds.
    """

    def __init__(
        self,
        chosen: argparse.Namespace,
        store: Store,
        swarm: Swarm,
        arena: Arena,
        cluster: Cluster | None,
    ) -> None:
        self._chance = random.Random(chosen.seed)
        self._arena = arena
        self._cluster = cluster
        self._kills = chosen.kills
        self._began = self._told = time.monotonic()
        self._ended = False
        self.store = store
        self.swarm = swarm
        self.takeovers = Takeovers(arena.folder)
        self.restarts = self.jumps = 0
        self.longest_outage = 0.0
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, self._end)

    def _end(self, *_: object) -> None:
        self._ended = True

    def rage(self) -> None:
        """Break things until enough were killed."""
        while self.swarm.kills < self._kills and not self._ended:
            self.swarm.tend()
            self.takeovers.look(self.store)
            if self._chance.random() < 0.01:
                self._arena.jump.value = self._chance.uniform(-JUMP_S, JUMP_S)
                self.jumps += 1
            if self._cluster is not None and self._chance.random() < 0.002:
                self._restart(self._cluster)
            self._tell("")
            time.sleep(0.05)

    def _restart(self, cluster: Cluster) -> None:
        began = time.monotonic()
        cluster.stop()
        cluster.start()
        self.longest_outage = max(self.longest_outage, time.monotonic() - began)
        self.restarts += 1

    def settle(self) -> datetime:
        """Break nothing any more; return up to when all that was due has ended."""
        self._arena.calm.set()
        self._arena.jump.value = 0.0
        until = self._arena.true_time().replace(second=0, microsecond=0)
        deadline = time.monotonic() + SETTLE_S
        while (left := self._open(until)) and time.monotonic() < deadline:
            self.swarm.tend()
            self._tell(f", {left} still open")
            time.sleep(0.5)
        return until

    def close(self) -> None:
        """Kill all."""
        self.swarm.end()
        self.store.close()

    def told(self) -> dict[str, Any]:
        """Return what was done to the processes, and how they came back."""
        gaps = self.takeovers.gaps
        return {
            "kills": self.swarm.kills,
            "of the service": self.swarm.killed["serve"],
            "of hosts": self.swarm.killed["work"],
            "processes that failed": self.swarm.failed,
            "restarts of the server": self.restarts,
            "longest outage s": round(self.longest_outage, 2),
            "jumps of the clock": self.jumps,
            "takeovers": len(gaps),
            "takeover p50 s": round(median(gaps or [0.0]), 2),
            "takeover p99 s": round(self.takeovers.p99, 2),
            "takeover max s": round(max(gaps or [0.0]), 2),
            SLOW: self.takeovers.p99 > TAKEOVER_S,
        }

    def _tell(self, more: str) -> None:
        now = time.monotonic()
        if now - self._told < TELL_S:
            return
        self._told = now
        told = self.told()
        waiting = self._waiting()
        print(
            f"{now - self._began:.0f} s: {told['kills']} kills ({told['of the service']} of the "
            f"service), {told['takeovers']} takeovers p99 {told['takeover p99 s']} s, "
            f"{told['restarts of the server']} restarts, {waiting} runs wait{more}",
            flush=True,
        )

    def _waiting(self) -> int | None:
        query = select(func.count()).where(RunRow.state == RunState.QUEUED)
        with suppress(DBAPIError):
            return self.store.read(lambda s: s.scalar(query))
        return None

    def _open(self, until: datetime) -> int:
        """Return how many runs of a time before ``until`` are still to be recorded or to end."""
        due = select(func.count()).where(ScheduleRow.next_firing < until)
        going = select(func.count()).where(
            RunRow.logical_date < until,
            RunRow.state.in_([RunState.QUEUED, RunState.LAUNCHING, RunState.RUNNING]),
        )
        return self.store.read(lambda s: s.scalars(due).one() + s.scalars(going).one())


def main() -> int:
    """Run, break, check; the exit status says whether nothing was lost or doubled."""
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=2000)
    options.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    options.add_argument("--services", type=int, default=2)
    options.add_argument("--hosts", type=int, default=4)
    options.add_argument("--seed", type=int, default=int(time.time()))
    chosen = options.parse_args()
    print(f"seed {chosen.seed}, {chosen.store}, {chosen.services} services, {chosen.hosts} hosts")
    folder = Path(tempfile.mkdtemp(prefix="galley-chaos-"))
    with database(chosen.store, folder) as (url, cluster):
        told = trial(chosen, folder, url, cluster)
    for name, value in told.items():
        print(f"{name:26} {value}")
    if any(told[name] for name in WRONG):
        print(f"for a closer look: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def trial(
    chosen: argparse.Namespace, folder: Path, url: str, cluster: Cluster | None
) -> dict[str, Any]:
    """Return what became of all that was due."""
    context = forks(url, folder)
    arena = Arena(time.time(), context.Value("d", 0.0), folder, context.Event())
    swarm = Swarm(context, arena, chosen.services, chosen.hosts, chosen.seed)
    chaos = Chaos(chosen, Store(url), swarm, arena, cluster)
    try:
        chaos.rage()
        until = chaos.settle()
        allowed = timedelta(seconds=(WINDOW_S + JUMP_S + chaos.longest_outage) * SPEED)
        return judge(chaos.store, arena.ledger, until, allowed) | chaos.told()
    finally:
        chaos.close()


if __name__ == "__main__":
    sys.exit(main())
