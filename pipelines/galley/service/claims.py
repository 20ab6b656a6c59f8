"""Work for hosts: those that ask at the same moment are served by one look and one write.

While one pass is under way, who asks gathers for the next one, as callers of the store gather for
a commit.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy.orm import Session

from galley import dispatch
from galley.domain.tenants import Tenants
from galley.domain.work import Assignment
from galley.errors import Unavailable
from galley.store import Store, drains, hosts
from galley.store.tokens import HostIdentity
from galley.vault import Vault

MOST = 256
"""Hosts served by one pass at most: other writers wait for it."""


class _Ask(NamedTuple):
    """A host that waits for the answer."""

    host: HostIdentity
    name: str
    answer: asyncio.Future[Assignment | None]

    @property
    def key(self) -> tuple[str, str]:
        """By which a drain means it."""
        return self.name, self.host.tenant


class Claims:
    """Leases runs to the hosts that ask; it belongs to one event loop at a time."""

    def __init__(
        self,
        store: Store,
        tenants: Callable[[], Tenants],
        vault: Vault,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._tenants = tenants
        self._vault = vault
        self._clock = clock
        self._asked: list[_Ask] = []
        self._serving: asyncio.Task[None] | None = None
        self._noted: dict[str, datetime] = {}
        self._plenty = False

    async def take(self, host: HostIdentity, name: str) -> Assignment | None:
        """Lease the run that the host called ``name`` may execute next; None: there is none."""
        answer: asyncio.Future[Assignment | None] = asyncio.get_running_loop().create_future()
        self._asked.append(_Ask(host, name, answer))
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        return await answer

    async def _serve(self) -> None:
        while self._asked:
            asked, self._asked = self._asked[:MOST], self._asked[MOST:]
            await self._answer([one for one in asked if not one.answer.done()])

    async def _answer(self, asked: Sequence[_Ask]) -> None:
        """Answer all; where that fails, each by itself, so that one holds up no other.

        Where the database does not answer, all hear of it at once.
        """
        try:
            found = await asyncio.to_thread(self._claim, asked)
        except Exception as error:  # whatever it is, who asked gets it
            alone = len(asked) == 1 or isinstance(error, Unavailable)
            for one in asked:
                if not alone:
                    await self._answer([one])
                elif not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, assignment in zip(asked, found, strict=True):
            if not one.answer.done():
                one.answer.set_result(assignment)

    def _claim(self, asked: Sequence[_Ask]) -> list[Assignment | None]:
        """Try to lease; look first, because looking is cheap and claiming is a write.

        After a pass that had something for everybody there is likely more: then looking would only
        be done twice.
        """
        tenants, now = self._tenants(), self._clock()
        by_host: dict[HostIdentity, list[int]] = defaultdict(list)
        for place, one in enumerate(asked):
            by_host[one.host].append(place)
        keys = {one.key for one in asked}
        names = dict(keys)
        self._noted = {name: at for name, at in self._noted.items() if hosts.lately(at, now)}
        unsure = names.keys() - self._noted.keys()

        def look(session: Session) -> tuple[list[HostIdentity], list[str]]:
            stopped = drains.stopped(session, keys)
            work = [
                host
                for host, places in by_host.items()
                if any(asked[place].key not in stopped for place in places)
                and dispatch.finds_work(session, tenants, host, now)
            ]
            return work, hosts.not_noted(session, unsure, now) if unsure else []

        if self._plenty and not unsure:
            work, new = list(by_host), list[str]()
        else:
            work, new = self._store.read(look)
        if new:
            self._store.write(lambda s: hosts.note(s, {name: names[name] for name in new}, now))
        self._noted |= dict.fromkeys(unsure, now)
        found: list[Assignment | None] = [None] * len(asked)
        if not work:
            self._plenty = False
            return found

        def take(session: Session) -> dict[int, Assignment]:
            stopped = drains.stopped(session, keys)
            taken: dict[int, Assignment] = {}
            for host in work:
                places = [place for place in by_host[host] if asked[place].key not in stopped]
                give = partial(dispatch.give_secrets, session, self._vault, host, now=now)
                leased = dispatch.claim_all(
                    session, tenants, host, [asked[place].name for place in places], now, give
                )
                taken |= dict(zip(places, leased, strict=False))
            return taken

        for place, assignment in self._store.write(take).items():
            found[place] = assignment
        self._plenty = None not in found
        return found
