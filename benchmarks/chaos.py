"""What survives when everything is killed: schedules under SIGKILL, restarts and jumping clocks.

Several processes of the service run the scheduler and the reaper, under leases, on one database;
several hosts lease what they record, take a moment, and report. Each process kills itself by
SIGKILL at a random statement of SQL, and is started anew; on PostgreSQL the server is crashed and
restarted now and then; the clock of all jumps. Then a checker, as Jepsen's of Chronos, matches the
times that each schedule had to fire to the runs that were recorded, as a bipartite graph: a time
without a run is missed, a run without a time is extra. It counts what was executed twice, too.

The schedules' time runs SPEED times as fast: each fires once a second.

    python benchmarks/chaos.py [--kills 2000] [--store sqlite|postgresql] [--services 2] [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import networkx
from galley import dispatch, schedule
from galley.domain.runs import AttemptState, RunState, TriggerKind
from galley.domain.work import Assignment, LeaseRequest, Outcome
from galley.errors import Conflict, PublicError
from galley.service.leading import Leading
from galley.service.loops import Loop
from galley.service.metrics import Metrics
from galley.store import Store, leases
from galley.store.tables import AttemptRow, RunRow, ScheduleRow
from galley.store.tokens import HostIdentity
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parents[1]))

from store import TENANTS_ROOMY

from tests.galley.postgres import SETTINGS, Cluster, running_cluster
from tests.galley.world import START, TENANTS, World

SPEED = 60
SCHEDULES = 4
WINDOW_S = 10.0
"""How late a firing may be recorded and still count, seconds."""
JUMP_S = 2.0
LATE = f"recorded after {WINDOW_S:g} s"
WRONG = ("missed", "extra runs", LATE, "runs with two successes", "attempts executed twice")
MINUTE = timedelta(minutes=1)
STATEMENTS = (100, 2000)
"""After how many statements a process dies."""
LOOPS = ("scheduler", "reaper")
DURABLE = {**SETTINGS, "fsync": "on", "full_page_writes": "on"}


@dataclass(frozen=True)
class Arena:
    """What all processes share.

    Attributes:
        began: when the schedules' time was START, seconds since 1970.
        jump: by how much the clocks are wrong at the moment, seconds.
        ledger: file to which hosts append a line for each attempt that they execute.
        calm: set once nobody is to be killed any more.
    """

    url: str
    began: float
    jump: Any
    ledger: Path
    calm: Any

    def now(self) -> datetime:
        """Return the schedules' time."""
        return START + timedelta(seconds=(time.time() + self.jump.value - self.began) * SPEED)

    def true_time(self) -> datetime:
        """Return the schedules' time, whatever the clocks show."""
        return START + timedelta(seconds=(time.time() - self.began) * SPEED)

    def wall(self) -> datetime:
        """Return what the clock on the wall shows."""
        return datetime.now(UTC) + timedelta(seconds=self.jump.value)


def doomed(arena: Arena, store: Store, seed: int) -> None:
    """Have this process killed by itself, at a statement that chance names."""
    left = random.Random(seed).randrange(*STATEMENTS)

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0 and not arena.calm.is_set():
            os.kill(os.getpid(), signal.SIGKILL)

    for engine in (store._database.writer, store._database.reader):
        event.listen(engine, "before_cursor_execute", count)


def serve(arena: Arena, seed: int) -> None:
    """Be a process of the service, as far as schedules are concerned."""
    store = Store(arena.url)
    doomed(arena, store, seed)
    leading = Leading(store, LOOPS, arena.wall, time.monotonic)

    def fire() -> None:
        def work(session: Session) -> None:
            leading.require(session, "scheduler")
            schedule.materialise_due(session, TENANTS, arena.now())

        store.write(work)

    def reap() -> None:
        def work(session: Session) -> None:
            leading.require(session, "reaper")
            dispatch.reap(session, arena.wall())

        store.write(work)

    async def loops() -> None:
        passes = {"scheduler": (fire, 0.2), "reaper": (reap, 1.0)}
        await asyncio.gather(
            *(
                Loop(name, leading.only(name, step), every_s=every_s).run(Metrics(), arena.wall)
                for name, (step, every_s) in passes.items()
            )
        )

    leading.start()
    asyncio.run(loops())


def work(arena: Arena, seed: int) -> None:
    """Be a host: lease, execute, report."""
    store = Store(arena.url)
    doomed(arena, store, seed)
    chance = random.Random(seed)
    host, asked = HostIdentity(tenant="lab", author=None, run=None), LeaseRequest(host=f"h{seed}")
    while True:
        with suppress(DBAPIError, PublicError):
            leased = store.write(
                lambda s: dispatch.claim(s, TENANTS_ROOMY, host, asked, arena.wall())
            )
            if leased is None:
                time.sleep(0.1)
                continue
            _execute(arena, store, leased, chance.uniform(0, 0.05))


def _execute(arena: Arena, store: Store, leased: Assignment, takes_s: float) -> None:
    """Start, and report until it is heard or refused, as a host does."""
    attempt, fencing = leased.attempt, leased.fencing
    store.write(lambda s: dispatch.start(s, attempt, fencing, arena.wall()))
    with arena.ledger.open("a") as ledger:
        ledger.write(f"{leased.run} {attempt}\n")
    time.sleep(takes_s)
    done = Outcome(fencing=fencing, state=AttemptState.SUCCEEDED, duration_s=takes_s)
    while True:
        try:
            store.write(lambda s: dispatch.finish(s, attempt, done, arena.wall()))
        except Conflict:
            return
        except (DBAPIError, PublicError):
            time.sleep(0.2)
        else:
            return


class Swarm:
    """The processes, each started anew when it was killed."""

    def __init__(self, arena: Arena, services: int, hosts: int, seed: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._arena = arena
        self._seeds = count(seed)
        self._roles = [serve] * services + [work] * hosts
        self._living = [self._start(role) for role in self._roles]
        self.kills = 0

    def _start(self, role: Any) -> Any:
        process = self._context.Process(target=role, args=(self._arena, next(self._seeds)))
        process.start()
        return process

    def tend(self) -> None:
        """Start anew what has died."""
        for place, process in enumerate(self._living):
            if not process.is_alive():
                self.kills += process.exitcode == -signal.SIGKILL
                self._living[place] = self._start(self._roles[place])

    def end(self) -> None:
        """Kill all."""
        for process in self._living:
            process.kill()
            process.join(60)


class Takeovers:
    """How long nobody led, each time, seconds: from a leader's death to another's first beat."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._holder = ""
        self._died_at: float | None = None

    def look(self, store: Store) -> None:
        """See who leads, and whether it is alive."""
        with suppress(DBAPIError):
            found = store.read(leases.seen).get("scheduler")
            holder = found.holder if found else ""
            if self._died_at is not None and holder != self._holder:
                self.gaps.append(time.monotonic() - self._died_at)
                self._died_at = None
            self._holder = holder
            if self._died_at is None and holder.count(":") == 2 and not _lives(holder):
                self._died_at = time.monotonic()


def _lives(holder: str) -> bool:
    try:
        stat = Path(f"/proc/{int(holder.split(':')[1])}/stat").read_text()
    except (OSError, ValueError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def check(store: Store, arena: Arena, until: datetime) -> dict[str, Any]:
    """Match the times that should have fired to the runs that succeeded."""
    told: Counter[str] = Counter()
    for series, since in store.read(
        lambda s: s.execute(select(ScheduleRow.series, ScheduleRow.since)).all()
    ):
        first = since.replace(second=0, microsecond=0) + timedelta(minutes=1)
        targets = [first + timedelta(minutes=n) for n in range(int((until - first) / MINUTE))]
        runs = store.read(
            lambda s, series=series: s.execute(
                select(RunRow.id, RunRow.logical_date, RunRow.created_at).where(
                    RunRow.trigger == TriggerKind.SCHEDULE,
                    RunRow.trigger_id == series,
                    RunRow.state == RunState.SUCCEEDED,
                    RunRow.logical_date < until,
                )
            ).all()
        )
        graph = networkx.Graph()
        graph.add_nodes_from(targets)
        graph.add_nodes_from(run.id for run in runs)
        wanted = set(targets)
        graph.add_edges_from(
            (run.logical_date, run.id) for run in runs if run.logical_date in wanted
        )
        matched = networkx.bipartite.maximum_matching(graph, top_nodes=targets)
        told["times"] += len(targets)
        told["missed"] += sum(target not in matched for target in targets)
        told["extra runs"] += sum(run.id not in matched for run in runs)
        allowed = timedelta(seconds=(WINDOW_S + JUMP_S) * SPEED)
        told[LATE] += sum(run.created_at - run.logical_date > allowed for run in runs)
    executed = Counter(line.split()[1] for line in arena.ledger.read_text().splitlines())
    won = store.read(
        lambda s: Counter(
            s.scalars(select(AttemptRow.run_id).where(AttemptRow.state == AttemptState.SUCCEEDED))
        )
    )
    told["runs with two successes"] = sum(count > 1 for count in won.values())
    told["attempts executed twice"] = sum(count > 1 for count in executed.values())
    return dict(told)


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


def main() -> int:
    """Run, break, check; the exit status says whether nothing was lost or doubled."""
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=2000)
    options.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    options.add_argument("--services", type=int, default=2)
    options.add_argument("--hosts", type=int, default=2)
    options.add_argument("--seed", type=int, default=int(time.time()))
    chosen = options.parse_args()
    print(f"seed {chosen.seed}, {chosen.store}, {chosen.services} services, {chosen.hosts} hosts")
    with (
        tempfile.TemporaryDirectory(prefix="galley-chaos-") as folder,
        database(chosen.store, Path(folder)) as (url, cluster),
    ):
        return _all(chosen, Path(folder), url, cluster)


def _all(chosen: argparse.Namespace, folder: Path, url: str, cluster: Cluster | None) -> int:
    chance = random.Random(chosen.seed)
    store = Store(url)
    world = World(store)
    fires = {"cron": "* * * * *", "timezone": "UTC", "catch_up": "all", "catch_up_limit": 1000}
    for number in range(SCHEDULES):
        world.live(f"p{number}", schedule=fires, retries=10, content=f"p{number}")
    context = multiprocessing.get_context("spawn")
    ledger = folder / "ledger"
    ledger.touch()
    arena = Arena(url, time.time(), context.Value("d", 0.0), ledger, context.Event())
    swarm = Swarm(arena, chosen.services, chosen.hosts, chosen.seed)
    takeovers, restarts, jumps = Takeovers(), 0, 0
    try:
        while swarm.kills < chosen.kills:
            swarm.tend()
            takeovers.look(store)
            if chance.random() < 0.01:
                arena.jump.value, jumps = chance.uniform(-JUMP_S, JUMP_S), jumps + 1
            if cluster is not None and chance.random() < 0.002:
                cluster.stop()
                cluster.start()
                restarts += 1
            time.sleep(0.05)
        arena.calm.set()
        arena.jump.value = 0.0
        until = arena.true_time().replace(second=0, microsecond=0)
        deadline = time.monotonic() + 300
        while _open(store, until) and time.monotonic() < deadline:
            swarm.tend()
            time.sleep(0.5)
        told = check(store, arena, until)
    finally:
        swarm.end()
        store.close()
    gaps = sorted(takeovers.gaps)
    told |= {
        "kills": swarm.kills,
        "restarts of the server": restarts,
        "jumps of the clock": jumps,
        "takeovers": len(gaps),
        "takeover p50 s": round(gaps[len(gaps) // 2], 2) if gaps else None,
        "takeover p99 s": round(gaps[min(len(gaps) - 1, int(len(gaps) * 0.99))], 2)
        if gaps
        else None,
    }
    for name, value in told.items():
        print(f"{name:26} {value}")
    return 1 if any(told[name] for name in WRONG) else 0


def _open(store: Store, until: datetime) -> bool:
    """Whether a run of a time before ``until`` is still to be recorded or to end."""
    with suppress(DBAPIError):
        due = store.read(lambda s: list(s.scalars(select(ScheduleRow.next_firing))))
        waiting = store.read(
            lambda s: s.scalar(
                select(RunRow.id)
                .where(
                    RunRow.logical_date < until,
                    RunRow.state.in_([RunState.QUEUED, RunState.LAUNCHING, RunState.RUNNING]),
                )
                .limit(1)
            )
        )
        return waiting is not None or any(at is not None and at < until for at in due)
    return True


if __name__ == "__main__":
    sys.exit(main())
