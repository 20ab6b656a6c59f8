"""Sign-ins under way, kept in the store: a restart between the two redirects loses nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from galley.store import Store, oauth_states


class StoredStates:
    """:class:`galley.service.auth.OAuthStates` in the service's database."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def put(self, state: str, value: dict[str, Any]) -> None:
        """Keep ``value`` for a few minutes."""
        now = self._clock()
        future = self._store.submit(lambda s: oauth_states.put(s, state, value, now))
        await asyncio.wrap_future(future)

    async def pop(self, state: str) -> dict[str, Any] | None:
        """Return and forget what was kept; None if there is nothing (any more)."""
        now = self._clock()
        future = self._store.submit(lambda s: oauth_states.pop(s, state, now))
        return await asyncio.wrap_future(future)
