"""The one writer of a process: callers' changes become savepoints of one transaction.

A durable commit costs one disk flush. Callers that wait at the same time share it: each runs in
a savepoint of its own, so that a failing caller takes back only its own changes, and all resume
after the common commit.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from galley.errors import Unavailable
from galley.store.connect import in_transaction

T = TypeVar("T")

MAX_BATCH = 256
"""Callers that share one commit at most."""


class _Job(NamedTuple):
    work: Callable[[Session], Any]
    future: Future[Any]


class Writer:
    """A thread that runs :meth:`submit`-ted functions one after another, committing in groups."""

    def __init__(self, engine: Engine, committed: Callable[[], None]) -> None:
        self._engine = engine
        self._committed = committed
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="galley-store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Queue ``work``; its future resolves once the change is on disk.

        Raises:
            Unavailable: the store was closed.
        """
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise Unavailable("The store is closed: the service is stopping. Try again.")
            self._jobs.put(_Job(work, future))
        return future

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller is a write function itself, which must not wait for another."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """Finish what was submitted, then end the thread."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while batch := self._next_batch():
            last = batch[-1] is None
            jobs = [job for job in batch if job is not None]
            if jobs:
                self._run(jobs)
            if last:
                return

    def _next_batch(self) -> list[_Job | None]:
        batch = [self._jobs.get()]
        while batch[-1] is not None and len(batch) < MAX_BATCH:
            try:
                batch.append(self._jobs.get_nowait())
            except queue.Empty:
                break
        return batch

    def _run(self, jobs: list[_Job]) -> None:
        """Run ``jobs`` in one transaction and resolve their futures after its commit."""
        waiting = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        done: list[tuple[_Job, Any, BaseException | None]] = []
        try:
            with self._engine.begin() as connection:
                done.extend((job, *_attempt(connection, job.work)) for job in waiting)
        except BaseException as error:
            # The disk is full, the file is locked: nobody's change holds, and each hears why.
            failed = {id(job): own for job, _, own in done if own is not None}
            for job in waiting:
                job.future.set_exception(failed.get(id(job), error))
            return
        if any(own is None for _, _, own in done):
            self._committed()
        for job, result, own in done:
            if own is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(own)


def _attempt(
    connection: Connection, work: Callable[[Session], Any]
) -> tuple[Any, BaseException | None]:
    """Run ``work`` in a savepoint; return (result, None) or (None, its error).

    Raises:
        BaseException: the error of ``work``, where the whole transaction is lost with it.
    """
    result, own = None, None
    try:
        with (
            connection.begin_nested(),
            Session(
                connection, join_transaction_mode="create_savepoint", expire_on_commit=False
            ) as session,
        ):
            result = work(session)
            session.commit()
    except BaseException as error:  # the caller's: it gets it
        own = error
    if not in_transaction(connection):
        raise own or RuntimeError("a write function ended the transaction that it shares")
    return result, own
