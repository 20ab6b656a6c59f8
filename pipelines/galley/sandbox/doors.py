"""Doors: relays between a port on one side of the sandbox's wall and a port on the other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

BUFFER = 256 * 1024
Connect = Callable[[], Awaitable[socket.socket]]


class Door:
    """Accepts on ``listener`` and relays each connection to what ``connect`` returns."""

    def __init__(self, listener: socket.socket, connect: Connect) -> None:
        self._listener = listener
        self._connect = connect
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Start accepting."""
        self._spawn(self._accept())

    def close(self) -> None:
        """Stop accepting and drop what is connected."""
        for task in tuple(self._tasks):
            task.cancel()
        self._listener.close()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            self._spawn(self._serve(client))

    async def _serve(self, client: socket.socket) -> None:
        with client:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                server = await self._connect()
            except OSError:
                return  # Nobody answers behind the door: the caller sees a closed connection.
            with server:
                await asyncio.gather(_copy(client, server), _copy(server, client))


async def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy until ``source`` ends, then end ``sink``'s reading side: half-closing is kept."""
    loop = asyncio.get_running_loop()
    try:
        while data := await loop.sock_recv(source, BUFFER):
            await loop.sock_sendall(sink, data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One side is gone for good: let the other direction see it too.
        for end in (source, sink):
            _shut(end)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


async def connect_outside(target: str) -> socket.socket:
    """Connect to ``unix:/path`` or ``127.0.0.1:PORT`` of the machine."""
    if target.startswith("unix:"):
        made, address = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), target[5:]
    else:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        address = ("127.0.0.1", int(target.rpartition(":")[2]))  # type: ignore[assignment]
    return await connected(made, address)


async def connected(made: socket.socket, address: str | tuple[str, int]) -> socket.socket:
    """Connect ``made``; it is closed when that fails.

    Raises:
        OSError: nobody listens there.
    """
    made.setblocking(False)
    if made.family == socket.AF_INET:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        await asyncio.get_running_loop().sock_connect(made, address)
    except OSError:
        made.close()
        raise
    return made
