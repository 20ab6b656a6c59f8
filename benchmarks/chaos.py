"""What survives when everything is killed: schedules under SIGKILL, restarts and jumping clocks.

Several processes run the service's own scheduler and reaper, under leases, on one database;
several hosts lease what they record, take a moment or some seconds, and report. Each process kills
itself by SIGKILL at a random statement of SQL or commit, and is started anew; on PostgreSQL the
server is crashed and restarted now and then; the clock of all jumps. Then a checker, as Jepsen's of
Chronos, matches the times that each schedule had to fire to the runs that were recorded, as a
bipartite graph: a time without a run is missed, a run without a time is extra. It counts runs that
two living hosts executed at the same time, too, and how long nobody led although somebody could.

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
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, pairwise
from math import ceil
from multiprocessing.context import ForkServerContext
from pathlib import Path
from statistics import median
from typing import Any

import networkx
from galley import dispatch
from galley.domain.runs import AttemptState, RunState, TriggerKind
from galley.domain.work import Assignment, Heartbeat, LeaseRequest, Outcome
from galley.errors import Conflict, PublicError, Unavailable
from galley.service.leading import Leading
from galley.store import Store, leases
from galley.store.tables import AttemptRow, RunRow, ScheduleRow
from galley.store.tokens import HostIdentity
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError

sys.path.insert(0, str(Path(__file__).parents[1]))

from _service import TENANTS_ROOMY, service

from tests.galley.postgres import SETTINGS, Cluster, running_cluster
from tests.galley.world import START, World

SPEED = 60
SCHEDULES = 4
WINDOW_S = 10.0
"""How late a firing may be recorded and still count, seconds."""
JUMP_S = 2.0
TAKEOVER_S = 5.0
"""Within which time 99 of 100 takeovers are to happen, seconds."""
LONG = 0.03
"""Part of the executions that take seconds, with heartbeats meanwhile."""
BEAT_S = 1.0
LATE = f"recorded after {WINDOW_S:g} s"
SLOW = f"takeover p99 > {TAKEOVER_S:g} s"
TWICE = "executed twice at a time"
WRONG = ("missed", "extra runs", LATE, "runs with two successes", TWICE, SLOW)
MINUTE = timedelta(minutes=1)
STATEMENTS = (100, 2000)
"""After how many statements and commits a process dies."""
LOOPS = ("scheduler", "reaper")
PRELOADED = ["galley.service.app", "fastapi.testclient", "uvicorn", "networkx"]
DURABLE = {**SETTINGS, "fsync": "on", "full_page_writes": "on"}


@dataclass(frozen=True)
class Arena:
    """What all processes share.

    Attributes:
        began: when the schedules' time was START, seconds since 1970.
        jump: by how much the clocks are wrong at the moment, seconds.
        folder: holds a file for each process of the service that looks for leases.
        calm: set once nobody is to be killed any more.
    """

    url: str
    began: float
    jump: Any
    folder: Path
    calm: Any

    @property
    def ledger(self) -> Path:
        """File of what hosts begin and end to execute, and of who was killed where."""
        return self.folder / "ledger"

    def note(self, what: str, about: object) -> None:
        """Append a line; all processes share the monotonic clock."""
        with self.ledger.open("a") as ledger:
            ledger.write(f"{what} {os.getpid()} {time.monotonic()} {about}\n")

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
    """Have this process killed by itself, at a statement or commit that chance names."""
    left = random.Random(seed).randrange(*STATEMENTS)

    def count(where: str) -> None:
        nonlocal left
        left -= 1
        if left <= 0 and not arena.calm.is_set():
            arena.note("killed", where)
            os.kill(os.getpid(), signal.SIGKILL)

    for engine in (store._database.writer, store._database.reader):
        event.listen(engine, "before_cursor_execute", lambda *_: count("statement"))
    event.listen(store._database.writer, "commit", lambda _: count("commit"))


def serve(arena: Arena, seed: int) -> None:
    """Be a process of the service, as far as schedules are concerned."""
    store = Store(arena.url)
    doomed(arena, store, seed)
    leading = Leading(store, LOOPS, arena.wall, time.monotonic)

    async def loops() -> None:
        running = []
        for name, clock in {"scheduler": arena.now, "reaper": arena.wall}.items():
            context = service(store, arena.folder, clock, leading).state.context
            loop = next(one for one in context.loops if one.name == name)
            running.append(loop.run(context.metrics, clock))
        await asyncio.gather(*running)

    leading.start()
    (arena.folder / f"serves-{os.getpid()}").touch()
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
            long = chance.random() < LONG
            _execute(arena, store, leased, chance.uniform(*((2, 5) if long else (0, 0.05))))


def _execute(arena: Arena, store: Store, leased: Assignment, takes_s: float) -> None:
    """Start, and report until it is heard or refused, as a host does."""
    attempt, fencing = leased.attempt, leased.fencing
    store.write(lambda s: dispatch.start(s, attempt, fencing, arena.wall()))
    arena.note("begin", leased.run)
    try:
        _take(arena, store, leased, takes_s)
    except Conflict:
        return
    finally:
        arena.note("end", leased.run)
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


def _take(arena: Arena, store: Store, leased: Assignment, takes_s: float) -> None:
    """Let time pass, with heartbeats; raises Conflict where the lease is another's."""
    beat, until = Heartbeat(fencing=leased.fencing), time.monotonic() + takes_s
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, BEAT_S))
        if takes_s > BEAT_S:
            with suppress(DBAPIError, Unavailable):
                store.write(lambda s: dispatch.heartbeat(s, leased.attempt, beat, arena.wall()))


class Swarm:
    """The processes, each started anew when it was killed."""

    def __init__(self, arena: Arena, services: int, hosts: int, seed: int) -> None:
        self._context = forks()
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
    """How long nobody led although another process could, each time, seconds.

    From a leader's death to another's first beat; not counted is the time in which no other one
    lived, or the database did not answer.
    """

    def __init__(self, arena: Arena) -> None:
        self.gaps: list[float] = []
        self._folder = arena.folder
        self._holder = ""
        self._since: float | None = None

    def look(self, store: Store) -> None:
        """See who leads, and whether it is alive."""
        try:
            found = store.read(leases.seen).get("scheduler")
        except (DBAPIError, PublicError):
            self._since = self._since and time.monotonic()
            return
        holder = found.holder if found else ""
        if self._since is not None and holder != self._holder:
            self.gaps.append(time.monotonic() - self._since)
            self._since = None
        self._holder = holder
        dead = holder.count(":") == 2 and not _lives(holder.split(":")[1])
        if dead and (self._since is None or not self._others()):
            self._since = time.monotonic()

    def _others(self) -> bool:
        return any(_lives(one.name.split("-")[1]) for one in self._folder.glob("serves-*"))

    @property
    def p99(self) -> float:
        """The time within which 99 of 100 happened, seconds; 0 where there were none."""
        return sorted(self.gaps)[ceil(len(self.gaps) * 0.99) - 1] if self.gaps else 0.0


def _lives(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{int(pid)}/stat").read_text()
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
    lines = [line.split() for line in arena.ledger.read_text().splitlines()]
    won = store.read(
        lambda s: Counter(
            s.scalars(select(AttemptRow.run_id).where(AttemptRow.state == AttemptState.SUCCEEDED))
        )
    )
    told["runs with two successes"] = sum(count > 1 for count in won.values())
    spans = executions(lines)
    told["executions"] = sum(map(len, spans.values()))
    told[TWICE] = sum(overlapping(one) for one in spans.values())
    told["kills at a commit"] = sum(line[0] == "killed" and line[3] == "commit" for line in lines)
    return dict(told)


def executions(lines: list[list[str]]) -> dict[str, list[tuple[float, float]]]:
    """Return run → when hosts executed it, each from beginning to end or to the host's death."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    begun: dict[str, tuple[str, float]] = {}
    for what, pid, at, about in lines:
        if what == "begin":
            begun[pid] = (about, float(at))
        elif pid in begun:
            run, since = begun.pop(pid)
            spans[run].append((since, float(at)))
    for run, since in begun.values():
        spans[run].append((since, float("inf")))
    return spans


def overlapping(spans: list[tuple[float, float]]) -> bool:
    """Whether two of them share a moment."""
    ordered = sorted(spans)
    return any(after[0] < before[1] for before, after in pairwise(ordered))


@cache
def forks() -> ForkServerContext:
    """Return what makes processes that need not import for seconds: many are to die."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    first = context.Process(target=bool)
    first.start()
    first.join()
    return context


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
    context = forks()
    arena = Arena(url, time.time(), context.Value("d", 0.0), folder, context.Event())
    swarm = Swarm(arena, chosen.services, chosen.hosts, chosen.seed)
    takeovers, restarts, jumps = Takeovers(arena), 0, 0
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
    told |= {
        "kills": swarm.kills,
        "restarts of the server": restarts,
        "jumps of the clock": jumps,
        "takeovers": len(takeovers.gaps),
        "takeover p50 s": round(median(takeovers.gaps or [0.0]), 2),
        "takeover p99 s": round(takeovers.p99, 2),
        SLOW: takeovers.p99 > TAKEOVER_S,
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
