"""Draining: a host finishes what it has and is given nothing new, so that it can be taken away.

Glossary
    host      what leases runs for one tenant, by the name it gives itself: ``NAME@MACHINE``
    selector  which hosts are meant: those of ``TENANT@MACHINE``, of a machine, or ``*`` for all;
              those of rehearsals and trials are their tenant's
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
        host: ``TENANT@MACHINE``, a machine's name, or ``*`` for all hosts.
        running: attempts of theirs that have not ended; 0: they can be taken away.
        hosts: the names of those that are meant and asked for work lately; none: perhaps no
            host is called so.
    """

    host: str
    since: Instant
    by: str
    running: int
    hosts: tuple[str, ...] = ()


def check_selector(host: str) -> str:
    """Return ``host``; raises InvalidInput where it can name no host."""
    if host != ALL and not _SELECTOR.fullmatch(host):
        raise InvalidInput(
            f"{host[:100]!r} names no host: write TENANT@MACHINE, MACHINE, or * for all",
            field="host",
        )
    return host


def selectors_of(host: str, tenant: str) -> tuple[str, ...]:
    """Return the selectors that mean the host of this name, which works for ``tenant``."""
    machine = host.rpartition("@")[2]
    return (ALL, machine, f"{tenant}@{machine}")


def concerned(selector: str, tenants: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of ``tenants`` that may have hosts that the selector means."""
    tenant, at, _ = selector.partition("@")
    if not at:
        return tenants
    return tuple(one for one in tenants if one == tenant)
