"""What a forked kernel has not taken yet."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from galley.inside.wire import Frames, frame
from galley.run.unsent import Unsent

Message = dict[str, Any]
LARGE = "x" * 2**20


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def state(widget: str, **values: Any) -> Message:
    data = {"method": "update", "state": values, "buffer_paths": []}
    return {"header": {"msg_type": "comm_msg"}, "content": {"comm_id": widget, "data": data}}


def cell(code: str) -> Message:
    return {"header": {"msg_type": "execute_request"}, "content": {"code": code}}


def taken(ends: tuple[socket.socket, socket.socket], *messages: Message) -> list[Message]:
    """Return what arrives of messages that were added while nobody took any."""
    ours, theirs = ends
    unsent = Unsent(ours, lambda message: frame(json.dumps(message).encode()))
    unsent.add(cell(LARGE))
    assert not unsent.flush(), "it fits into the buffers of the system"
    for message in messages:
        unsent.add(message)
        assert not unsent.flush()
    frames, arrived, done = Frames(), list[Message](), False
    theirs.setblocking(False)
    while not done:
        done = unsent.flush()
        with contextlib.suppress(BlockingIOError):
            while True:
                arrived += [json.loads(text) for text, _ in frames.feed(theirs.recv(2**22))]
    return arrived[1:]


def test_of_the_states_of_a_widget_the_newest_arrives(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    states = [state("a", outputs=[number, LARGE]) for number in range(50)]
    other = state("b", outputs=[1])
    assert taken(ends, *states[:25], other, *states[25:]) == [other, states[-1]]


def test_what_says_something_else_is_not_replaced(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    one, another = state("a", outputs=[1]), state("a", value=1)
    custom = state("a", outputs=[2])
    custom["content"]["data"]["method"] = "custom"
    binary = state("a", outputs=[3])
    binary["content"]["data"]["buffer_paths"] = [["outputs"]]
    sent = [one, another, custom, binary, state("a", outputs=[4])]
    assert taken(ends, *sent) == sent


def test_a_state_from_before_a_cell_is_there_when_the_cell_runs(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    sent = [state("a", outputs=[1]), cell("out.outputs"), state("a", outputs=[2])]
    assert taken(ends, *sent) == sent
