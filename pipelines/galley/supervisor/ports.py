"""Ports: whether the public one is free and who has it, and loopback ports for the children."""

from __future__ import annotations

import contextlib
import errno
import random
import socket

import psutil

from galley.supervisor.refusal import Refusal

LOOPBACK = "127.0.0.1"
INNER_PORTS = range(20000, 32000)
"""Below the range that the kernel gives to outgoing connections."""


def is_free(bind: str, port: int) -> bool:
    """Return whether this process could listen there."""
    try:
        _try(bind, port)
    except OSError:
        return False
    return True


def require_free(bind: str, port: int) -> None:
    """Do nothing when the public port can be had.

    Raises:
        Refusal: it cannot; names who has it where that can be known.
    """
    try:
        _try(bind, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            who = _holder(port)
            raise Refusal(
                f"port {port} of {bind} is taken{f' by {who}' if who else ''}. Stop that, or "
                f"choose another port: GALLEY_PORT={_next_free(bind, port)} galley up"
            ) from error
        if error.errno == errno.EACCES:
            raise Refusal(
                f"port {port} is for root only; choose one above 1023: GALLEY_PORT=8000 galley up"
            ) from error
        raise Refusal(f"cannot listen on {bind}:{port}: {error.strerror or error}.") from error


def choose(wanted: int | None, taken: set[int]) -> int:
    """Return ``wanted`` if it is free on the loopback, else another; adds it to ``taken``."""
    candidates = random.sample(INNER_PORTS, k=200)
    for port in ([wanted] if wanted else []) + candidates:
        if port not in taken and is_free(LOOPBACK, port):
            taken.add(port)
            return port
    raise Refusal(f"no free port on {LOOPBACK} between {INNER_PORTS[0]} and {INNER_PORTS[-1]}.")


def _try(bind: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((bind, port))
        listener.listen(1)


def _next_free(bind: str, port: int) -> int:
    return next((other for other in range(port + 1, 65536) if is_free(bind, other)), port)


def _holder(port: int) -> str | None:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr
            if listens and tuple(connection.laddr)[1:] == (port,) and connection.pid:
                process = psutil.Process(connection.pid)
                words = " ".join(process.cmdline())[:80] or process.name()
                return f"process {connection.pid} ({words})"
    return None
