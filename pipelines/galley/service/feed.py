"""Live events: one reader of the events table feeds every open stream.

The reader wakes after each commit of this process and once a second for other processes, or when
the database tells of their commits. It takes only what is settled: no event can appear before it
any more. A stream that is further behind than the ring reaches reads the table itself, so it misses
nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection

from galley.domain.events import Event
from galley.errors import Unavailable
from galley.service.wakeup import Wakeup, wait
from galley.store import Store, events
from galley.store.settled import Settled

POLL_S = 1.0
RING = 2000
BATCH = 500
HELD_S = 30.0
"""After how long, and how often then, it is told that events are held up, seconds."""

_log = logging.getLogger(__name__)


class Feed:
    """Follows the events table.

    Attributes:
        moved: rings when new events were read.
        changed: rings when one of them is more than progress: there may be work to do.
    """

    def __init__(
        self,
        store: Store,
        tenants: Callable[[], Collection[str]],
        poll_s: float = POLL_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._tenants = tenants
        self._poll_s = poll_s
        self._settled = Settled(store, monotonic)
        self._told_s = 0.0
        self._began = asyncio.Event()
        self._committed = Wakeup()
        self._ring: deque[Event] = deque(maxlen=RING)
        self._floor = 0
        self._latest = 0
        self.moved = Wakeup()
        self.changed = Wakeup()

    @property
    def latest(self) -> int:
        """Id of the newest event that was read; of none before it has :meth:`began`."""
        return self._latest

    async def began(self, within_s: float) -> bool:
        """Wait until it is known which events there were at the start; False: it still is not."""
        return await wait(self._began, within_s)

    async def run(self, failed: Callable[[BaseException], None]) -> None:
        """Read until cancelled; a failure is told to ``failed`` and tried again."""
        loop = asyncio.get_running_loop()
        self._committed.bind(loop)
        unsubscribe = self._store.listen(self._committed.ring_from_thread)
        try:
            await self._begin(failed)
            while True:
                ticket = self._committed.ticket()
                try:
                    more = await self._read()
                    self._tell_of_held(failed)
                except Exception as error:  # a loop never dies silently
                    _log.exception("reading events failed; trying again")
                    failed(error)
                    more = False
                if not more:
                    await wait(ticket, self._poll_s)
        finally:
            unsubscribe()

    async def _begin(self, failed: Callable[[BaseException], None]) -> None:
        while True:
            try:
                newest = await asyncio.to_thread(self._newest)
                self._tell_of_held(failed)
            except Exception as error:  # a loop never dies silently
                _log.exception("reading events failed; trying again")
                failed(error)
                newest = None
            if newest is not None:
                self._latest = self._floor = newest
                self._began.set()
                self.moved.ring()
                self.changed.ring()
                return
            await asyncio.sleep(self._poll_s)

    def _tell_of_held(self, failed: Callable[[BaseException], None]) -> None:
        held_s = self._settled.held_s()
        if held_s < HELD_S:
            self._told_s = 0.0
        elif held_s - self._told_s >= HELD_S:
            self._told_s = held_s
            error = Unavailable(
                f"live pages have shown nothing new for {held_s:.0f} s: a transaction that began "
                "before is still open in this database. It is one of those in pg_stat_activity "
                "that have a backend_xid, or in pg_prepared_xacts. End it."
            )
            _log.warning("%s", error)
            failed(error)

    def _newest(self) -> int | None:
        until = self._settled.advance()
        return None if until is None else self._store.read(lambda s: events.latest(s, until=until))

    async def _read(self) -> bool:
        found = await self.stored(self._tenants(), self._latest)
        if not found:
            return False
        for event in found:
            if len(self._ring) == RING:
                self._floor = self._ring[0].id
            self._ring.append(event)
        self._latest = found[-1].id
        self.moved.ring()
        if not all(event.kind.progress for event in found):
            self.changed.ring()
        return len(found) == BATCH

    async def stored(self, tenants: Collection[str], after: int) -> list[Event]:
        """Return the oldest :data:`BATCH` events of ``tenants`` after ``after``, from the table."""
        return await asyncio.to_thread(self._stored, tenants, after)

    def _stored(self, tenants: Collection[str], after: int) -> list[Event]:
        until = self._settled.advance() or 0
        return self._store.read(lambda s: events.after(s, tenants, after, BATCH, until=until))

    async def follow(
        self,
        after: int,
        tenants: Callable[[], Collection[str]],
        idle_s: float,
        ended: Callable[[], bool] = lambda: False,
    ) -> AsyncIterator[list[Event]]:
        """Yield the events after ``after``, in order; an empty list each ``idle_s`` without any.

        Args:
            ended: whether to end; it is asked each time that ``moved`` rings.
            after: id of the last event that the reader has.
            tenants: asked anew each time, so that a membership that ends takes effect.
            idle_s: seconds.
        """
        while not ended():
            ticket = self.moved.ticket()
            batch, after = await self._next(after, frozenset(tenants()))
            if batch:
                yield batch
            elif not await wait(ticket, idle_s):
                yield []

    async def _next(self, after: int, tenants: frozenset[str]) -> tuple[list[Event], int]:
        while after < self._floor:
            floor = self._floor
            found = await self.stored(tenants, after)
            if found:
                return found, found[-1].id
            after = floor
        fresh = [event for event in self._ring if event.id > after]
        latest = fresh[-1].id if fresh else after
        return [event for event in fresh if event.tenant in tenants], latest
