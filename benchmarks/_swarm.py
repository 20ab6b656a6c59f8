"""Processes that are killed by SIGKILL at random statements, and started anew: see chaos.py."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from _service import TENANTS_ROOMY, service
from galley import dispatch
from galley.domain.runs import AttemptState
from galley.domain.work import Assignment, Heartbeat, LeaseRequest, Outcome
from galley.errors import Conflict, PublicError, Unavailable
from galley.service.leading import Leading
from galley.store import Store
from galley.store.tokens import HostIdentity
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from tests.galley.world import START

SPEED = 60
LONG = 0.01
"""Part of the executions that take seconds, with heartbeats meanwhile."""
BEAT_S = 1.0
LOOPS = ("scheduler", "reaper")


@dataclass(frozen=True)
class Arena:
    """What all processes share.

    Attributes:
        began: when the schedules' time was START, seconds since 1970.
        jump: by how much the clocks are wrong at the moment, seconds.
        folder: holds a file for each process of the service that looks for leases, and the log.
        calm: set once nobody is to be killed any more.
    """

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


def doomed(arena: Arena, store: Store, statements: int) -> None:
    """Have this process killed by itself, at its n-th statement or commit."""
    left = statements

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
    from _warm import warm_store  # loaded where processes are forked from, and only there

    logging.basicConfig(
        filename=arena.folder / "log", format=f"%(relativeCreated)d {os.getpid()} %(message)s"
    )
    store = warm_store()
    doomed(arena, store, _statements(random.Random(seed)))
    leading = Leading(store, LOOPS, arena.wall, time.monotonic)

    async def loops() -> None:
        leading.gained.bind(asyncio.get_running_loop())
        running = []
        for name, clock in {"scheduler": arena.now, "reaper": arena.wall}.items():
            context = service(store, arena.folder, clock, leading).state.context
            loop = next(one for one in context.loops if one.name == name)
            running.append(loop.run(context.metrics, clock))
        await asyncio.gather(*running)

    leading.start()
    (arena.folder / f"serves-{os.getpid()}").touch()
    asyncio.run(loops())


def _statements(chance: random.Random) -> int:
    """Return when to die: some may while they catch up on what nobody did, most come to lead.

    Those live for longer than any one transaction, as processes of a real service do: 13 statements
    for 100 firings, a dozen for each of ten lost attempts. A leader does 35 a second at rest.
    """
    return chance.randrange(20, 100) if chance.random() < 0.2 else chance.randrange(80, 250)


def work(arena: Arena, seed: int) -> None:
    """Be a host: lease, execute, report."""
    from _warm import warm_store

    chance = random.Random(seed)
    store = warm_store()
    doomed(arena, store, chance.randrange(15, 200))
    host, asked = HostIdentity(tenant="lab", author=None, run=None), LeaseRequest(host=f"h{seed}")
    while True:
        with suppress(DBAPIError, PublicError):
            leased = None
            if store.read(lambda s: dispatch.finds_work(s, TENANTS_ROOMY, host, arena.wall())):
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
    """The processes, each started anew when it was killed.

    Attributes:
        killed: how many of each role were.
        failed: how many ended otherwise, by a defect.
    """

    def __init__(
        self, context: ForkServerContext, arena: Arena, services: int, hosts: int, seed: int
    ) -> None:
        self._context = context
        self._arena = arena
        self._seeds = count(seed * 1_000_000)
        self._roles: list[Callable[[Arena, int], None]] = [serve] * services + [work] * hosts
        self._living = [self._start(role) for role in self._roles]
        self.killed: Counter[str] = Counter()
        self.failed = 0

    def _start(self, role: Any) -> Any:
        process = self._context.Process(target=role, args=(self._arena, next(self._seeds)))
        process.start()
        return process

    @property
    def kills(self) -> int:
        """How many were killed by now."""
        return self.killed.total()

    def tend(self) -> None:
        """Start anew what has died."""
        for place, process in enumerate(self._living):
            if not process.is_alive():
                role = self._roles[place]
                if process.exitcode == -signal.SIGKILL:
                    self.killed[role.__name__] += 1
                else:
                    self.failed += 1
                (self._arena.folder / f"serves-{process.pid}").unlink(missing_ok=True)
                self._living[place] = self._start(role)

    def end(self) -> None:
        """Kill all."""
        for process in self._living:
            process.kill()
            process.join(60)


def forks(url: str, folder: Path) -> ForkServerContext:
    """Return what makes processes that need not import for seconds: many are to die."""
    context = multiprocessing.get_context("forkserver")
    here = Path(__file__).parent
    os.environ |= {
        "PYTHONPATH": f"{here}:{here.parent}",
        "GALLEY_CHAOS_URL": url,
        "GALLEY_CHAOS_FOLDER": str(folder),
    }
    # Each process imports the main module: what that needs is to be there already.
    context.set_forkserver_preload(["_checker", "tests.galley.postgres", "_warm"])
    first = context.Process(target=bool)
    first.start()
    first.join()
    return context
