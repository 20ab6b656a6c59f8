"""Routes about runs: starting, watching and ending them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from galley.client.events import EventStream
from galley.client.routes import Routes
from galley.client.watch import Watch
from galley.domain.api import KeptFile, LogChunk
from galley.domain.comparison import RunComparison
from galley.domain.days import Moment
from galley.domain.debug import DebugKit
from galley.domain.events import Event
from galley.domain.model import Page
from galley.domain.runs import Run, RunKind, RunRequest, RunState
from galley.domain.usage import AttemptUsage

LOG_PIECE = 2**20
"""What is read of a log at a time, bytes."""


class RunRoutes(Routes):
    """Runs, their logs and executed notebooks, and what happens live."""

    def start_run(
        self,
        tenant: str,
        slug: str,
        parameters: dict[str, Any] | None = None,
        *,
        version: int | None = None,
        logical_date: datetime | None = None,
        priority: int = 0,
        deadline_s: int | None = None,
        incremental: bool = False,
    ) -> Run:
        """Start a run now.

        Args:
            version: default is the live one.
            logical_date: zone-aware; default is now.
            priority: -100 to 100; more goes first.
            deadline_s: from now until it must have ended, seconds; default: no such time.
            incremental: execute only what has changed since an earlier incremental run.
        """
        request = RunRequest(
            parameters=parameters or {},
            version=version,
            logical_date=logical_date,
            priority=priority,
            deadline_s=deadline_s,
            incremental=incremental,
        )
        return self._send(Run, f"/tenants/{tenant}/pipelines/{slug}/runs", request, creates=True)

    def start_trial(
        self,
        tenant: str,
        slug: str,
        parameters: dict[str, Any] | None = None,
        *,
        version: int | None = None,
        deadline_s: int | None = None,
    ) -> Run:
        """Try a version in any state as oneself; default: the live one, or the latest.

        Args:
            deadline_s: from now until it must have ended, seconds; default: no such time.
        """
        request = RunRequest(parameters=parameters or {}, version=version, deadline_s=deadline_s)
        return self._send(Run, f"/tenants/{tenant}/pipelines/{slug}/trials", request, creates=True)

    def runs(
        self,
        tenant: str,
        *,
        pipeline: str | None = None,
        state: RunState | None = None,
        kind: RunKind | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page[Run]:
        """Return the tenant's runs, newest first.

        Args:
            start, end: only these logical dates, latest first: instants, or whole days in UTC.
        """
        return self._get(
            Page[Run],
            f"/tenants/{tenant}/runs",
            pipeline=pipeline,
            state=state,
            kind=kind,
            cursor=cursor,
            limit=limit,
            **{"from": start and start.isoformat(), "to": end and end.isoformat()},
        )

    def pipeline_runs(
        self, tenant: str, slug: str, *, cursor: str | None = None, limit: int | None = None
    ) -> Page[Run]:
        """Return the runs of a pipeline, newest first."""
        path = f"/tenants/{tenant}/pipelines/{slug}/runs"
        return self._get(Page[Run], path, cursor=cursor, limit=limit)

    def run(self, run: UUID) -> Run:
        """Return a run with its attempts and tasks."""
        return self._get(Run, f"/runs/{run}")

    def cancel(self, run: UUID) -> Run:
        """Ask for the end of a run."""
        return self._send(Run, f"/runs/{run}/cancel")

    def retry(self, run: UUID) -> Run:
        """Put a failed run back into the queue, as a new attempt."""
        return self._send(Run, f"/runs/{run}/retry", creates=True)

    def log(
        self, run: UUID, *, attempt: int | None = None, offset: int = 0, limit: int | None = None
    ) -> LogChunk:
        """Return a part of an attempt's log; default is the latest attempt, from its start."""
        path = f"/runs/{run}/log"
        return self._get(LogChunk, path, attempt=attempt, offset=offset, limit=limit)

    def resources(self, run: UUID, attempt: int, *, after: datetime | None = None) -> AttemptUsage:
        """Return what the tasks of an attempt used; ``after``: only later points."""
        path = f"/runs/{run}/attempts/{attempt}/resources"
        return self._get(AttemptUsage, path, after=after and after.isoformat())

    def compare(self, right: UUID, left: UUID | None = None) -> RunComparison:
        """Return two runs side by side; ``left`` None: the successful run before ``right``."""
        return self._get(RunComparison, "/runs/compare", left=left and str(left), right=str(right))

    def debug_kit(self, run: UUID, attempt: int, *, task: str | None = None) -> DebugKit:
        """Return the notebook of an attempt with its values, to be debugged."""
        return self._get(DebugKit, f"/runs/{run}/attempts/{attempt}/debug", task=task)

    def executed_notebook(
        self, run: UUID, task: str, *, attempt: int | None = None, form: str = "ipynb"
    ) -> bytes:
        """Return the executed notebook of a task, as ``ipynb`` or ``html``."""
        path = f"/runs/{run}/tasks/{task}/notebook"
        params = {"attempt": attempt, "format": form}
        return self._transport.request("GET", path, params=params).content

    def files(self, run: UUID, *, attempt: int | None = None) -> list[KeptFile]:
        """Return the files that an attempt left; default is the latest attempt."""
        return self._get(list[KeptFile], f"/runs/{run}/files", attempt=attempt)

    def file(self, run: UUID, name: str, *, attempt: int | None = None) -> bytes:
        """Return a file that an attempt left."""
        params = {"attempt": attempt}
        return self._transport.request("GET", f"/runs/{run}/files/{name}", params=params).content

    def follow_log(
        self,
        run: UUID,
        *,
        follow: bool = True,
        stop: threading.Event | None = None,
        look: Callable[[Run], None] = lambda _: None,
    ) -> Iterator[str]:
        """Yield the log of a run as it grows, attempt after attempt, until the run has ended.

        Args:
            follow: False yields what is there and ends.
            stop: ends the iteration early once it is set.
            look: given the run each time that it was asked for.
        """
        stop = stop or threading.Event()
        attempt, offset = 1, 0
        with self.watch(run, stop=stop) as watch:
            while not stop.is_set():
                state = self.run(run)
                look(state)
                if state.attempt_count >= attempt:
                    chunk = self.log(run, attempt=attempt, offset=offset, limit=LOG_PIECE)
                    offset = chunk.next_offset
                    if chunk.text:
                        yield chunk.text
                    if offset < chunk.size:
                        continue
                    if state.attempt_count > attempt:
                        attempt, offset = attempt + 1, 0
                        continue
                    if state.state.ended and chunk.ended:
                        return
                elif state.state.ended:
                    return
                if not follow:
                    return
                watch.wait()

    def events(
        self,
        tenants: Sequence[str] = (),
        *,
        last_event_id: int | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Yield events as they happen, for ever; a lost connection is resumed where it ended.

        Args:
            tenants: default is all of the caller's.
            last_event_id: begin after this event; default is now.
            stop: ends the iteration once it is set and something arrives.
        """
        return EventStream(self._transport, tenants, last_event_id, stop).events()

    def watch(self, subject: UUID, *, stop: threading.Event | None = None) -> Watch:
        """Return what tells when to look again at a run or a version.

            with client.watch(run.id) as watch:
                while not (run := client.run(run.id)).state.ended:
                    watch.wait()

        Args:
            stop: ends a wait early once it is set.
        """

        def events(left: threading.Event, connected: Callable[[bool], None]) -> Iterator[Event]:
            return EventStream(self._transport, (), None, left, subject, connected).events()

        return Watch(events, f"events of {subject}", stop)
