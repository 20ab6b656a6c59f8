"""What is wrong with what schedules recorded and hosts executed: see chaos.py."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import networkx
from galley.domain.runs import AttemptState, RunState, TriggerKind
from galley.errors import PublicError
from galley.store import Store, leases
from galley.store.tables import AttemptRow, RunRow, ScheduleRow
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

MINUTE = timedelta(minutes=1)


def matching(targets: Iterable[Any], runs: Iterable[tuple[Any, Iterable[Any]]]) -> tuple[int, int]:
    """Return how many targets have no run, and how many runs no target, matched at their best.

    As Jepsen's checker of Chronos does it, as a bipartite graph.

    Args:
        targets: the times at which a schedule had to fire.
        runs: each run, with the targets that it may be for.
    """
    times = [("time", target) for target in targets]
    graph = networkx.Graph()
    graph.add_nodes_from(times)
    ran = []
    for run, may_be_for in runs:
        ran.append(("run", run))
        graph.add_node(ran[-1])
        graph.add_edges_from((("time", target), ran[-1]) for target in may_be_for)
    matched = networkx.bipartite.maximum_matching(graph, top_nodes=times)
    return sum(one not in matched for one in times), sum(one not in matched for one in ran)


def judge(store: Store, ledger: Path, until: datetime, allowed: timedelta) -> dict[str, int]:
    """Match the times before ``until`` that should have fired to the runs that succeeded.

    Args:
        ledger: file of what hosts executed when.
        allowed: how late a run may be recorded.
    """
    told: Counter[str] = Counter()
    for series, since in store.read(
        lambda s: s.execute(select(ScheduleRow.series, ScheduleRow.since)).all()
    ):
        first = since.replace(second=0, microsecond=0) + MINUTE
        targets = [first + n * MINUTE for n in range(int((until - first) / MINUTE))]
        wanted = frozenset(targets)
        runs = store.read(
            lambda s, series=series: s.execute(
                select(RunRow.id, RunRow.logical_date, RunRow.created_at, RunRow.state).where(
                    RunRow.trigger == TriggerKind.SCHEDULE,
                    RunRow.trigger_id == series,
                    RunRow.logical_date < until,
                )
            ).all()
        )
        good = [run for run in runs if run.state is RunState.SUCCEEDED]
        missed, extra = matching(targets, ((run.id, {run.logical_date} & wanted) for run in good))
        told.update({"times": len(targets), "missed": missed, "extra runs": extra})
        told["recorded late"] += sum(run.created_at - run.logical_date > allowed for run in runs)
        told["recorded, not succeeded"] += len(runs) - len(good)
    won = store.read(
        lambda s: Counter(
            s.scalars(select(AttemptRow.run_id).where(AttemptRow.state == AttemptState.SUCCEEDED))
        )
    )
    told["runs with two successes"] = sum(count > 1 for count in won.values())
    lines = [line.split() for line in ledger.read_text().splitlines()]
    spans = executions(lines)
    told["executions"] = sum(map(len, spans.values()))
    told["executed twice at a time"] = sum(overlapping(one) for one in spans.values())
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


class Takeovers:
    """How long nobody led although another process could, each time, seconds.

    From a leader's death to another's first beat; not counted is the time in which no other one
    lived, or the database did not answer.

    Args:
        folder: holds a file for each process that looks for leases.
    """

    def __init__(self, folder: Path) -> None:
        self.gaps: list[float] = []
        self._folder = folder
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
