"""A reply that arrived while something was sent is found all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import zmq
import zmq.asyncio
from galley.run.sockets import KernelManager
from jupyter_client.session import Session


async def reply_nobody_announced(within_s: float) -> dict[str, Any]:
    """Wait for a message whose arrival the socket beneath was asked about in between."""
    context = zmq.asyncio.Context()
    kernel, client = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    try:
        kernel.bind("inproc://kernel")
        client.connect("inproc://kernel")
        session = Session(key=b"")
        channel_class = KernelManager().client().shell_channel_class
        channel = channel_class(client, session, asyncio.get_running_loop())
        waiting = asyncio.ensure_future(channel.get_msg(timeout=None))
        await asyncio.sleep(0.2)
        session.send(zmq.Socket.shadow(kernel.underlying), "execute_reply", content={})
        looked_at = zmq.Socket.shadow(client.underlying).get(zmq.EVENTS)  # as a send does
        assert int(looked_at) & zmq.POLLIN
        return await asyncio.wait_for(waiting, within_s)
    finally:
        context.destroy(linger=0)


def test_a_reply_that_nobody_announced_is_found() -> None:
    assert asyncio.run(reply_nobody_announced(60))["msg_type"] == "execute_reply"


def test_jupyter_clients_own_channel_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day this fails, ``galley.run.sockets`` can go."""
    monkeypatch.setattr("galley.run.sockets.LOOK_AGAIN_S", 3600)
    with pytest.raises(TimeoutError):
        asyncio.run(reply_nobody_announced(2))
