"""Waking tasks of the event loop when something moved, from whichever thread it moved in."""

from __future__ import annotations

import asyncio
import contextlib


class Wakeup:
    """A bell that many tasks may wait for.

    Take a ticket, look at the state, and only then wait for the ticket: so nothing is missed.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticket = asyncio.Event()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say which loop the waiting tasks run in."""
        self._loop = loop

    def ticket(self) -> asyncio.Event:
        """Return the event that the next ring sets."""
        return self._ticket

    def ring(self) -> None:
        """Wake everybody who waits. Call it in the loop's thread."""
        ticket, self._ticket = self._ticket, asyncio.Event()
        ticket.set()

    def ring_from_thread(self) -> None:
        """Wake everybody who waits. Call it in any thread; after the loop's end it does nothing."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.ring)


async def wait(ticket: asyncio.Event, timeout_s: float) -> bool:
    """Wait until the bell rang; return False if it did not within ``timeout_s``."""
    try:
        async with asyncio.timeout(timeout_s):
            await ticket.wait()
    except TimeoutError:
        return False
    return True
