"""The one writer of a process: callers' changes go together into one transaction.

A durable commit costs one disk flush. Callers that wait at the same time share it: of several
each runs in a savepoint of its own, so that a failing one takes back only its own changes, and all
resume after the common commit. Where the database refuses the whole, because writers of other
processes were faster, all of it is run again from its beginning: a write function may run more
than once.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from galley.errors import Unavailable
from galley.store.connect import Database

T = TypeVar("T")

ALONE_AFTER = 3
"""Races lost after which a transaction waits until no other process writes."""

LONGEST_PAUSE_S = 0.5

MOVED = "galley.moved"
"""In the ``info`` of a session that appended an event: its commit is worth waking somebody."""


class _Job(NamedTuple):
    work: Callable[[Session], Any]
    future: Future[Any]


class _Done(NamedTuple):
    """What became of a job, if the transaction commits: a result or its own error."""

    job: _Job
    result: Any
    error: BaseException | None
    moved: bool


class Writer:
    """A thread that runs :meth:`submit`-ted functions one after another, committing in groups.

    Args:
        name: what other processes know this one by.
        committed: called after each commit with which there are new events.
    """

    def __init__(self, database: Database, name: str, committed: Callable[[], None]) -> None:
        self._database = database
        self._name = name
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
        while batch[-1] is not None and len(batch) < self._database.max_batch:
            try:
                batch.append(self._jobs.get_nowait())
            except queue.Empty:
                break
        return batch

    def _run(self, jobs: list[_Job]) -> None:
        """Run ``jobs`` in one transaction and resolve their futures after its commit."""
        waiting = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        tries = 0
        while True:
            done: list[_Done] = []
            try:
                self._transact(waiting, done, tries)
                break
            except _CommitUnknown as unknown:
                self._fail(waiting, done, unknown.told())
                return
            except BaseException as error:
                if not self._database.try_again(error, tries):
                    # The disk is full, the file is locked: nobody's change holds, and each
                    # hears why.
                    self._fail(waiting, done, self._database.explain(error) or error)
                    return
            # Unlike others that lost the same race, so that they do not meet again.
            time.sleep(min(LONGEST_PAUSE_S, random.random() * 0.01 * 2**tries))  # noqa: S311
            tries += 1
        if any(one.moved for one in done):
            self._committed()
        for one in done:
            if one.error is None:
                one.job.future.set_result(one.result)
            else:
                one.job.future.set_exception(one.error)

    def _transact(self, jobs: list[_Job], done: list[_Done], tries: int) -> None:
        with self._database.writer.connect() as connection:
            transaction = connection.begin()
            with transaction:
                self._database.begin(connection, alone=tries >= ALONE_AFTER)
                alone = len(jobs) == 1
                done.extend(self._attempt(connection, job, tries, alone=alone) for job in jobs)
                if any(one.moved for one in done):
                    self._database.announce(connection, self._name)
                try:
                    transaction.commit()
                except BaseException as error:
                    # Refused is refused; but an answer that got lost may have been a yes.
                    if connection.invalidated:
                        raise _CommitUnknown from error
                    raise

    @staticmethod
    def _fail(jobs: list[_Job], done: list[_Done], error: BaseException) -> None:
        own = {id(one.job): one.error for one in done if one.error is not None}
        for job in jobs:
            job.future.set_exception(own.get(id(job), error))

    def _attempt(self, connection: Connection, job: _Job, tries: int, *, alone: bool) -> _Done:
        """Run a job, in a savepoint unless it is alone; return its result or its own error.

        Raises:
            BaseException: the job's error, where the whole transaction is lost with it.
        """
        result, own, moved = None, None, False
        try:
            with (
                nullcontext() if alone else connection.begin_nested(),
                Session(
                    connection, join_transaction_mode="rollback_only", expire_on_commit=False
                ) as session,
            ):
                result = job.work(session)
                session.commit()
                moved = MOVED in session.info
        except BaseException as error:  # the caller's: it gets it
            own = error
        if own is not None and (alone or self._database.try_again(own, tries)):
            raise own
        if not self._database.in_transaction(connection):
            raise own or RuntimeError("a write function ended the transaction that it shares")
        told = own and (self._database.explain(own) or own)
        return _Done(job, result, told, moved and own is None)


class _CommitUnknown(Exception):
    """The connection was lost while the commit was under way."""

    def told(self) -> Unavailable:
        """Return what to tell callers: a new one each time, for a traceback grows with each use."""
        return Unavailable(
            "The database went away while the change was being saved: it is not known whether it "
            "was. Look before you try again."
        )
