"""How fast state is, on SQLite and on PostgreSQL, with every commit on disk.

Claims: threads take queued runs through ``store.write``: the compare-and-set alone, the arrow with
its event and audit line, and the whole of ``dispatch.claim``; then as many hosts that ask the
service's ``Claims`` for one run after the other, which serves together who asks at the same time.
Due: schedules of one minute that their jitter spreads over it, the scheduler's loop, and hosts that
ask when something has moved; from when a firing is due to when a host has it.
Idle: the CPU time of the whole service with nothing due, its hourly tidying left out. Lists: pages
of a tenant's runs, with and without filters, first and deep.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from galley import dispatch, schedule
from galley.domain.runs import RUN_TRANSITIONS, RunKind, RunState, TriggerKind
from galley.domain.schedules import jitter_of
from galley.domain.versions import VersionState
from galley.domain.work import LeaseRequest
from galley.service.background import LOOPS
from galley.service.claims import Claims
from galley.service.leading import Leading
from galley.service.loops import Loop
from galley.service.metrics import Metrics
from galley.service.wakeup import Wakeup, wait
from galley.store import Store, run_arrows, runs
from galley.store.columns import new_id
from galley.store.tables import (
    CHAMPION,
    AttemptRow,
    DeploymentRow,
    PipelineRow,
    RunRow,
    ScheduleRow,
    VersionRow,
)
from galley.store.tokens import HostIdentity
from galley.store.transitions import move
from galley.vault import Vault
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parents[1]))

from _service import TENANTS_ROOMY, service

from tests.galley.postgres import SETTINGS, running_cluster

DURABLE = {**SETTINGS, "fsync": "on", "full_page_writes": "on", "autovacuum": "on"}
CHUNK = 5000
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
JITTER_S = 60
SETTLE_S = 5
"""How long after its start a service counts as idle, seconds."""


class Clock:
    """The schedules' time: two seconds to ``begins`` when it is made."""

    def __init__(self, begins: datetime) -> None:
        self._at = begins - timedelta(seconds=2)
        self._since = time.monotonic()

    def __call__(self) -> datetime:
        """Return the time now."""
        return self._at + timedelta(seconds=time.monotonic() - self._since)


@contextmanager
def stores(wanted: Sequence[str]) -> Iterator[dict[str, tuple[Store, str]]]:
    """Yield the stores that are wanted, each with its URL."""
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        if "sqlite" in wanted:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="galley-bench-"))
            urls["sqlite"] = f"sqlite:///{folder}/galley.db"
        if "postgresql" in wanted:
            cluster = stack.enter_context(running_cluster(DURABLE))
            urls["postgresql"] = stack.enter_context(cluster.database("template1"))
        found = {name: (Store(url), url) for name, url in urls.items()}
        for store, _ in found.values():
            stack.callback(store.close)
            store.migrate()
        yield found


def fill(store: Store, table: type[Any], rows: Iterator[dict[str, Any]]) -> None:
    """Insert many rows, a chunk in a transaction."""
    chunk: list[dict[str, Any]] = []

    def flush() -> None:
        if chunk:
            store.write(lambda s: s.execute(insert(table), list(chunk)))
            chunk.clear()

    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            flush()
    flush()


def pipeline_row(number: int) -> dict[str, Any]:
    return {
        "id": new_id(),
        "tenant": "lab",
        "slug": f"p{number}",
        "name": "P",
        "description": "",
        "owner": "ana",
        "created_at": START,
    }


def version_row(pipeline: UUID) -> dict[str, Any]:
    return {
        "id": new_id(),
        "pipeline_id": pipeline,
        "tenant": "lab",
        "number": 1,
        "state": VersionState.APPROVED,
        "digest": "d" * 64,
        "author": "ana",
        "owner": "ana",
        "name": "P",
        "description": "",
        "note": "",
        "profile": "small",
        "timeout_s": 60,
        "retries": 0,
        "defaults": {},
        "rehearsal_parameters": {},
        "rehearse_only": False,
        "published_digest": "d" * 64,
        "analysis": {
            "parameters": {"properties": {}, "cell": None},
            "tasks": [{"name": "p", "cells": [0]}],
        },
        "gates": [],
        "project_blob": "p",
        "notebook_blob": "n",
        "mirror_commit": "c" * 40,
        "created_at": START,
        "updated_at": START,
    }


def run_row(
    pipeline: UUID, version: UUID, state: RunState, at: datetime, kind: RunKind
) -> dict[str, Any]:
    run = new_id()
    return {
        "id": run,
        "tenant": "lab",
        "pipeline_id": pipeline,
        "version_id": version,
        "kind": kind,
        "trigger": TriggerKind.MANUAL,
        "trigger_id": run,
        "scheduled_at": at,
        "state": state,
        "logical_date": at,
        "data_interval_start": at,
        "data_interval_end": at,
        "parameters": {},
        "metrics": {},
        "not_before": at,
        "created_at": at,
    }


def pipelines(store: Store, count: int) -> list[tuple[UUID, UUID]]:
    """Make live pipelines; return (pipeline, version) of each."""
    rows = [pipeline_row(number) for number in range(count)]
    versions = [version_row(row["id"]) for row in rows]
    fill(store, PipelineRow, iter(rows))
    fill(store, VersionRow, iter(versions))
    fill(
        store,
        DeploymentRow,
        (
            {
                "id": new_id(),
                "pipeline_id": version["pipeline_id"],
                "role": CHAMPION,
                "version_id": version["id"],
                "since": START,
                "deployed_by": "ana",
                "reason": "",
            }
            for version in versions
        ),
    )
    return [(version["pipeline_id"], version["id"]) for version in versions]


HOST = HostIdentity(tenant="lab")


def claims_of(store: Store, clock: Callable[[], datetime]) -> Claims:
    return Claims(store, lambda: TENANTS_ROOMY, Vault(Path("keys")), clock)


def vacuum(url: str) -> None:
    """Have PostgreSQL do now what its autovacuum would do beside the next measurement."""
    if url.startswith("postgresql"):
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")


def claims(
    store: Store, count: int, threads: int, settle: Callable[[], None]
) -> dict[str, tuple[float, float]]:
    """Return claims per second, and the CPU time of one in ms, of each kind of claim.

    Args:
        settle: called between two kinds.
    """
    made = pipelines(store, 100)
    request = LeaseRequest(host="h")

    def bare(session: Session, run: UUID) -> object:
        return move(session, RunRow, run, RunState.QUEUED, RunState.LAUNCHING, RUN_TRANSITIONS)

    def arrow(session: Session, run: UUID) -> object:
        return run_arrows.launch(session, run, 1, START)

    def whole(session: Session, _: UUID) -> object:
        return dispatch.claim(session, TENANTS_ROOMY, HOST, request, START)

    def queue(number: int) -> list[UUID]:
        rows = [
            run_row(*made[one % 100], RunState.QUEUED, START, RunKind.PIPELINE)
            for one in range(number)
        ]
        fill(store, RunRow, iter(rows))
        return [row["id"] for row in rows]

    found: dict[str, tuple[float, float]] = {}

    @contextmanager
    def timed(name: str, number: int) -> Iterator[None]:
        began, used = time.perf_counter(), time.process_time()
        yield
        used, took = time.process_time() - used, time.perf_counter() - began
        found[name] = number / took, used / number * 1000
        ended = {"state": RunState.SUCCEEDED}
        store.write(lambda s: s.execute(update(RunRow).values(ended)))
        store.write(lambda s: s.execute(update(AttemptRow).values(ended)))
        settle()

    for name, work, part in (("bare", bare, 1), ("arrow", arrow, 1), ("dispatch.claim", whole, 10)):
        ids = queue(count // part)

        def one(run: UUID, work: Callable[[Session, UUID], object] = work) -> None:
            assert store.write(lambda s: work(s, run)) is not None

        with ThreadPoolExecutor(threads) as pool, timed(name, len(ids)):
            list(pool.map(one, ids))
    number = len(queue(count))

    async def hosts() -> None:
        asked = claims_of(store, lambda: START)

        async def host(name: str) -> None:
            while await asked.take(HOST, name) is not None:
                pass

        await asyncio.gather(*(host(f"h{one}@m") for one in range(threads)))

    with timed("hosts that wait", number):
        asyncio.run(hosts())
    return found


def schedules(store: Store, count: int) -> list[UUID]:
    """Make live pipelines with schedules, none of them due for long; return their ids."""
    far = START + timedelta(days=300)
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "series": new_id(),
            "pipeline_id": pipeline,
            "version_id": version,
            "tenant": "lab",
            "cron": "0 0 1 1 *",
            "timezone": "UTC",
            "catch_up": "latest",
            "paused": False,
            "next_firing": far,
            "since": START,
            "set_by": "ana",
        }
        for pipeline, version in pipelines(store, count)
    ]
    fill(store, ScheduleRow, iter(rows))
    return [row["id"] for row in rows]


def fire(store: Store, clock: Callable[[], datetime]) -> Callable[[], float | None]:
    """Return a pass of the scheduler, as the service's loop makes it."""

    def step() -> float | None:
        now = clock()
        due = store.read(lambda s: schedule.next_due(s, TENANTS_ROOMY))
        if due is None:
            return None
        if due <= now:
            store.write(lambda s: schedule.materialise_due(s, TENANTS_ROOMY, now))
            return 0.0
        return (due - now).total_seconds()

    return step


def idle(store: Store, seconds: float) -> float:
    """Return the part of a core that a service uses while nothing is due, once it has begun.

    Without its hourly tidying, which goes through all pipelines.
    """
    begins = time.monotonic()

    def clock() -> datetime:
        return START + timedelta(seconds=time.monotonic() - begins)

    async def work(home: Path) -> float:
        loops = [name for name in LOOPS if name != "housekeeping"]
        app = service(store, home, clock, Leading(store, loops, clock, time.monotonic))
        async with app.router.lifespan_context(app):
            await asyncio.sleep(SETTLE_S)
            began = time.process_time()
            await asyncio.sleep(seconds)
            return (time.process_time() - began) / seconds

    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        return asyncio.run(work(Path(folder)))


def due(store: Store, ids: Sequence[UUID], count: int, hosts: int) -> tuple[float, float, int]:
    """Return p50 and p99 from due to leased in milliseconds, and how many were leased."""
    begins = START + timedelta(days=1)
    chosen = random.Random(1).sample(list(ids), count)
    series = {row: new_id() for row in chosen}
    at = {one: begins + jitter_of(one, begins, JITTER_S) for one in series.values()}
    same = {"cron": f"{begins.minute} {begins.hour} * * *", "jitter_s": JITTER_S}
    rows = [
        {"id": row, "series": one, "next_firing": at[one], **same} for row, one in series.items()
    ]
    store.write(lambda s: s.execute(update(ScheduleRow), rows))
    clock, moved = Clock(begins), Wakeup()
    leased: dict[UUID, datetime] = {}

    async def host(asked: Claims, name: str) -> None:
        while True:
            ticket = moved.ticket()
            work = await asked.take(HOST, name)
            if work is None:
                await wait(ticket, 0.5)
                continue
            leased[work.run] = clock()

    async def work() -> None:
        moved.bind(asyncio.get_running_loop())
        stop = store.listen(moved.ring_from_thread)
        asked = claims_of(store, clock)
        loop = Loop("scheduler", fire(store, clock), every_s=1)
        tasks = [asyncio.create_task(loop.run(Metrics(), clock))]
        tasks += [asyncio.create_task(host(asked, f"h{one}@m")) for one in range(hosts)]
        await asyncio.sleep(70)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        stop()

    asyncio.run(work())
    of = dict(store.read(lambda s: s.execute(select(RunRow.id, RunRow.trigger_id)).tuples().all()))
    late = sorted((when - at[of[run]]).total_seconds() * 1000 for run, when in leased.items())
    return statistics.median(late), late[int(len(late) * 0.99)], len(late)


def lists(store: Store, count: int) -> dict[str, float]:
    """Return the p95 of each kind of page, milliseconds."""
    made = pipelines(store, 100)
    states = [RunState.SUCCEEDED] * 996 + [RunState.FAILED] * 3 + [RunState.CANCELLED]
    chance = random.Random(2)
    fill(
        store,
        RunRow,
        (
            run_row(
                *made[chance.randrange(100)],
                chance.choice(states),
                START + timedelta(seconds=number),
                RunKind.PIPELINE if number % 50 else RunKind.TRIAL,
            )
            for number in range(count)
        ),
    )
    middle = store.read(lambda s: runs.page(s, "lab", limit=200))
    for _ in range(20):
        cursor = middle.next_cursor
        middle = store.read(lambda s: runs.page(s, "lab", limit=200, cursor=cursor))  # noqa: B023
    deep = middle.next_cursor
    pages: dict[str, dict[str, Any]] = {
        "newest": {},
        "deep": {"cursor": deep},
        "of a pipeline": {"pipeline": "p7"},
        "failed": {"state": RunState.FAILED},
        "running (none)": {"state": RunState.RUNNING},
        "trials": {"kind": RunKind.TRIAL},
        "failed of a pipeline": {"pipeline": "p7", "state": RunState.FAILED},
    }
    found: dict[str, float] = {}
    for name, filters in pages.items():
        times = []
        for _ in range(30):
            began = time.perf_counter()
            store.read(lambda s: runs.page(s, "lab", **filters))  # noqa: B023
            times.append((time.perf_counter() - began) * 1000)
        found[name] = sorted(times)[28]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--parts", nargs="+", default=["claims", "due", "lists"])
    parser.add_argument("--claims", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=1_000_000)
    given = parser.parse_args()
    for part in given.parts:
        with stores(given.stores) as found:
            for name, (store, url) in found.items():
                match part:
                    case "claims":
                        made = claims(store, given.claims, given.threads, partial(vacuum, url))
                        for kind, (rate, cpu) in made.items():
                            print(f"{name:<11} {kind:<16} {rate:8.0f} durable/s, CPU {cpu:.2f} ms")
                    case "due":
                        ids = schedules(store, given.schedules)
                        print(f"{name:<11} idle with {len(ids)}: {idle(store, 20):.2%} of a core")
                        p50, p99, count = due(store, ids, given.due, given.threads)
                        print(
                            f"{name:<11} due → leased p50 {p50:.0f} ms, p99 {p99:.0f} ms "
                            f"({count} of {given.due})"
                        )
                    case _:
                        for kind, p95 in lists(store, given.runs).items():
                            print(f"{name:<11} page {kind:<22} p95 {p95:8.1f} ms")
                        total = store.read(lambda s: s.scalar(select(func.count(RunRow.id))))
                        print(f"{name:<11} … of {total} runs")


if __name__ == "__main__":
    main()
