"""Events of a task: in order, together where they can wait, and never kept for long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Literal

from galley.run.events import HELD_CHARACTERS, EventSender
from galley.run.tasks import TaskEvent
from tornado.ioloop import IOLoop

Kind = Literal["started", "cell", "text", "used", "ended"]


def event(kind: Kind, text: str = "") -> TaskEvent:
    return TaskEvent(task="train", kind=kind, at=datetime(2026, 3, 1, tzinfo=UTC), text=text)


def sent_by(act: Callable[[EventSender, asyncio.Event], Awaitable[None]]) -> list[list[str]]:
    """Have events sent while a loop runs; return the texts, or else kinds, of each message."""
    sent: list[list[str]] = []

    async def run() -> None:
        arrived = asyncio.Event()

        def send(events: list[str]) -> None:
            read = [TaskEvent.model_validate_json(one) for one in events]
            sent.append([one.text or one.kind for one in read])
            arrived.set()

        await act(EventSender(IOLoop.current(), send), arrived)

    asyncio.run(run())
    return sent


def test_what_can_wait_is_sent_together_after_a_moment() -> None:
    async def act(sender: EventSender, arrived: asyncio.Event) -> None:
        for text in "abc":
            sender.take(event("text", text))
        await arrived.wait()
        arrived.clear()
        sender.take(event("ended"))
        await arrived.wait()

    assert sent_by(act) == [["a", "b", "c"], ["ended"]]


def test_a_begin_does_not_wait_and_takes_along_what_waits() -> None:
    async def act(sender: EventSender, arrived: asyncio.Event) -> None:
        sender.take(event("text", "before"))
        sender.take(event("started"))
        for _ in range(3):  # rounds of the loop, no time
            await asyncio.sleep(0)
        assert arrived.is_set()

    assert sent_by(act) == [["before", "started"]]


def test_a_lot_of_text_does_not_wait() -> None:
    text = "x" * (HELD_CHARACTERS // 4)

    async def act(sender: EventSender, arrived: asyncio.Event) -> None:
        for _ in range(4):
            sender.take(event("text", text))
        for _ in range(3):
            await asyncio.sleep(0)
        assert arrived.is_set()

    assert sent_by(act) == [[text] * 4]


def test_what_is_held_back_goes_with_the_end_and_only_once() -> None:
    async def act(sender: EventSender, arrived: asyncio.Event) -> None:
        sender.take(event("cell"))
        sender.take(event("ended"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert arrived.is_set()
        await asyncio.sleep(0.3)  # longer than anything is held back

    assert sent_by(act) == [["cell", "ended"]]


def test_events_of_several_threads_keep_the_order_of_each() -> None:
    each = 200

    async def act(sender: EventSender, _: asyncio.Event) -> None:
        def tell(name: str) -> None:
            for number in range(each):
                sender.take(event("started" if number % 7 == 0 else "text", f"{name}{number}"))

        threads = [threading.Thread(target=tell, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            await asyncio.sleep(0.01)
        sender.take(event("ended"))
        await asyncio.sleep(0.01)

    told = [text for message in sent_by(act) for text in message]
    assert [text for text in told if text[0] == "a"] == [f"a{number}" for number in range(each)]
    assert [text for text in told if text[0] == "b"] == [f"b{number}" for number in range(each)]
