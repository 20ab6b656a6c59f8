"""The loop that starts the children, restarts those that end, and stops everything at the end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from types import FrameType

import psutil

from galley.domain.settings import Settings
from galley.supervisor import tree
from galley.supervisor.child import Child, ChildSpec, ChildState, how_it_ended
from galley.supervisor.deployment import Deployment
from galley.supervisor.outliving import outliving
from galley.supervisor.refusal import Refusal
from galley.supervisor.report import Report
from galley.supervisor.status import ProcessStatus, Status, write_status

START_S = 300
"""Longest time until every child is ready for the first time, seconds."""

MAX_FAILURES = 3
"""A child that ends this often before it was ready once does not start at all."""

STOP_S = 15
"""Time that processes have to end after SIGTERM, seconds."""

TICK_S = 0.2


class Supervisor:
    """Runs the children of one deployment until it is told to stop."""

    def __init__(self, deployment: Deployment, specs: Iterable[ChildSpec], report: Report) -> None:
        self._deployment = deployment
        self._report = report
        logs = self.settings.logs
        self._children = {spec.name: Child(spec, logs / f"{spec.name}.log") for spec in specs}
        self._begun = time.monotonic()
        self._started_at = datetime.now(UTC)
        self._announced = False
        self._reloading = False
        self._reloads = 0
        self._reload_problem: str | None = None
        self._written: Status | None = None
        self._stops = 0
        self._hangups = 0
        self._wakeup, self._alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @property
    def settings(self) -> Settings:
        """The deployment's settings."""
        return self._deployment.settings

    def run(self) -> None:
        """Start everything, keep it running, and stop it on SIGINT or SIGTERM.

        Raises:
            Refusal: a child does not start at all.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._note)
        signal.set_wakeup_fd(self._alarm, warn_on_full_buffer=False)
        try:
            while not self._stops:
                self._step(time.monotonic())
                self._sleep(TICK_S if self._unready() else 5)
        finally:
            self._stop()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._stops += 1
        elif number == signal.SIGHUP:
            self._hangups += 1

    def _step(self, now: float) -> None:
        self._collect(now)
        if self._hangups:
            self._hangups = 0
            self._reload()
        for child in self._children.values():
            if child.pid is None and now >= child.restart_at and self._may_start(child):
                child.start(now)
            elif child.state is ChildState.STARTING and child.spec.is_ready():
                self._became_ready(child, now)
        self._write_status()
        if unready := self._unready():
            self._report_waiting(unready, now)
        elif not self._announced:
            self._announced = True
            self._deployment.announce(self._report, now - self._begun)

    def _may_start(self, child: Child) -> bool:
        return all(self._children[name].state is ChildState.READY for name in child.spec.after)

    def _unready(self) -> list[str]:
        return [
            name for name, child in self._children.items() if child.state is not ChildState.READY
        ]

    def _became_ready(self, child: Child, now: float) -> None:
        taken = now - child.since
        child.state, child.since, child.ever_ready = ChildState.READY, now, True
        self._report.line(f"  ✓ {child.spec.name:<8} ready after {taken:.1f} s")
        if child.spec.name == "hub" and self._reloading:
            self._reloading = False
            self._reloads += 1

    def _report_waiting(self, unready: list[str], now: float) -> None:
        if self._announced:
            return
        if now - self._begun > START_S:
            raise self._does_not_start(self._children[unready[0]], f"not ready after {START_S} s")
        self._report.waiting(unready, now - self._begun)

    def _collect(self, now: float) -> None:
        for pid, exit_code in tree.reap().items():
            child = next((one for one in self._children.values() if one.pid == pid), None)
            if child is None:
                continue
            expected, how = child.expected, how_it_ended(exit_code)
            pause = child.ended(exit_code, now)
            if expected:
                continue
            if not child.ever_ready and child.failures >= MAX_FAILURES:
                raise self._does_not_start(child, how)
            self._report.line(
                f"  ! {child.spec.name} ended ({how}); it starts again in {pause:g} s. "
                f"Log: {child.log}"
            )

    def _does_not_start(self, child: Child, how: str) -> Refusal:
        return Refusal(
            f"{child.spec.name} does not start ({how}). The end of {child.log}:\n\n"
            f"{child.log_tail()}"
        )

    def _reload(self) -> None:
        self._reload_problem = self._deployment.reload(self._report)
        hub = self._children["hub"]
        if self._reload_problem is not None:
            self._reloads += 1
        elif hub.pid is not None:
            self._reloading = True
            hub.expected = True
            os.kill(hub.pid, signal.SIGTERM)
        else:
            self._reloading = True

    def _write_status(self) -> None:
        status = Status(
            pid=self._deployment.foreground,
            url=self.settings.public_url,
            started_at=self._started_at,
            processes=tuple(
                ProcessStatus(
                    name=name,
                    pid=child.pid,
                    state=child.state,
                    since=self._started_at + timedelta(seconds=round(child.since - self._begun)),
                    restarts=child.restarts,
                )
                for name, child in self._children.items()
            ),
            left_out=tuple(self._deployment.left_out()),
            reloads=self._reloads,
            reload_problem=self._reload_problem,
        )
        if status != self._written:
            write_status(self.settings.home, status)
            self._written = status

    def _stop(self) -> None:
        self._report.line()
        self._report.line("stopping …")
        stops, told = self._stops, set[int]()
        others = partial(outliving, self.settings.run)
        deadline = time.monotonic() + STOP_S
        # Others come last: the service would start again what ends while it runs.
        while left := tree.children() or others():
            if time.monotonic() > deadline or self._stops > stops:
                self._report.line(f"ending {len(left)} that did not stop by themselves")
                break
            for process in left:
                if process.pid not in told:
                    told.add(process.pid)
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.terminate()
            self._sleep(0.1)
            tree.reap()
        if stuck := tree.kill_descendants(others=others):
            self._report.line(f"! still there, stuck in the kernel: {', '.join(map(str, stuck))}")
        else:
            self._report.line("stopped")

    def _sleep(self, seconds: float) -> None:
        select.select([self._wakeup], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup, 4096)
