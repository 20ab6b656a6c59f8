"""Ports that are taken, and by whom."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from galley.supervisor import ports
from galley.supervisor.refusal import Refusal


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((ports.LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_who_has_the_port_is_named(taken: int) -> None:
    with pytest.raises(Refusal, match=f"port {taken} of 127.0.0.1 is taken") as caught:
        ports.require_free(ports.LOOPBACK, taken)
    assert f"by process {os.getpid()} (" in str(caught.value)
    suggested = int(str(caught.value).partition("GALLEY_PORT=")[2].split()[0])
    ports.require_free(ports.LOOPBACK, suggested)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Refusal, match=r"cannot listen on 192\.0\.2\.1:8000"):
        ports.require_free("192.0.2.1", 8000)


def test_a_free_port_is_kept_and_a_taken_one_replaced(taken: int) -> None:
    chosen: set[int] = set()
    first = ports.choose(None, chosen)
    assert first in ports.INNER_PORTS
    assert ports.choose(first, set()) == first
    assert ports.choose(first, chosen) != first
    assert ports.choose(taken, chosen) != taken
    assert len(chosen) == 3
