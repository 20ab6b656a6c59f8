"""Draining: a host finishes what it has and is given nothing new, so that it can be taken away.

Glossary
    host      what leases runs, by the name it gives itself: ``TENANT@MACHINE``
    selector  which hosts are meant: one host's name, a machine's name, or ``*`` for all
"""

from __future__ import annotations

import re

from galley.domain.model import Instant, Model
from galley.errors import InvalidInput

ALL = "*"
_SELECTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,250}")


class Drain(Model):
    """Hosts that are given no new work.

    Attributes:
        host: a host's name, a machine's name, or ``*`` for all hosts.
        running: attempts of theirs that have not ended; 0: they can be taken away.
    """

    host: str
    since: Instant
    by: str
    running: int


def check_selector(host: str) -> str:
    """Return ``host``; raises InvalidInput where it can name no host."""
    if host != ALL and not _SELECTOR.fullmatch(host):
        raise InvalidInput(
            f"{host[:100]!r} names no host: write TENANT@MACHINE, MACHINE, or * for all",
            field="host",
        )
    return host


def selectors_of(host: str) -> tuple[str, ...]:
    """Return the selectors that mean the host of this name."""
    return (ALL, host, host.rpartition("@")[2])


def concerned(selector: str, tenants: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of ``tenants`` that may have hosts that the selector means."""
    tenant, at, _ = selector.partition("@")
    if not at:
        return tenants
    return tuple(one for one in tenants if one == tenant)
