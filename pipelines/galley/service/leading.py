"""Which loops this process runs: those whose lease it holds.

A holder renews its leases each second. Who sees one stand still for :data:`EXPIRY_S` of its own
monotonic time takes it over; no clock is compared with another one's. A holder that could not
renew for that long stops by itself, and where it does not notice, because it was stopped, its
transactions are refused: each names the lease's token. Where leases cannot be renewed at all, so
that nobody leads, its passes fail.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from galley.errors import Unavailable
from galley.service.wakeup import Wakeup
from galley.store import Store, leases
from galley.store.leases import Lease, LostLease

LOOK_S = 0.5
"""How often the leases of others are looked at, seconds."""

BEAT_S = 1.0
"""How often own ones are renewed, seconds."""

EXPIRY_S = 2.5
"""How long a lease may stand still. With the looks and a loop's own rest, a loop of a process that
was killed goes on elsewhere within 5 s."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Leading:
    """The leases of one process.

    Args:
        names: the loops.
        clock: for people only.
        monotonic: seconds.

    Attributes:
        gained: rings when this process takes over, so that its loops need not come to look.
    """

    def __init__(
        self,
        store: Store,
        names: Sequence[str],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        holder: str | None = None,
    ) -> None:
        self._store = store
        self._names = tuple(names)
        self._clock = clock
        self._monotonic = monotonic
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._held: dict[str, int] = {}
        self._renewed_at = self._looked_at = monotonic()
        self._watched: dict[str, tuple[Lease | None, float]] = {}
        self._failing = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.gained = Wakeup()

    def start(self) -> None:
        """Look for leases from now on, on a thread of its own: it must not wait for others."""
        self._ended.clear()
        self._look()
        self._thread = threading.Thread(target=self._run, name="galley-leases", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and give back what is held; where that fails, it is taken over as from the dead."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(EXPIRY_S)
            self._thread = None
        held, self._held = self._held, {}
        if held:
            now = self._clock()
            try:
                self._store.write(
                    lambda s: [leases.release(s, name, token, now) for name, token in held.items()],
                    timeout=EXPIRY_S,
                )
            except Exception:  # whatever it is, it must not keep the process from ending
                _log.warning("the leases of the loops were not given back", exc_info=True)

    def token(self, name: str) -> int | None:
        """Return the token of a lease that this process holds; None where it holds none."""
        if self._monotonic() - self._renewed_at >= EXPIRY_S:
            return None
        return self._held.get(name)

    def leads(self, name: str) -> bool:
        """Whether this process runs the loop."""
        return self.token(name) is not None

    def require(self, session: Session, name: str) -> None:
        """Go on only while this process holds the lease, seen from within a transaction.

        Only the lease itself is asked: a transaction that had to wait for long is as good as ever
        where nobody has taken over, and were it refused, a busy database would never be written.

        Raises:
            LostLease: it does not.
        """
        token = self._held.get(name)
        if token is None:
            raise LostLease(name)
        leases.require(session, name, token)

    def only(
        self, name: str, step: Callable[[], object], gained: Callable[[], object] | None = None
    ) -> Callable[[], object]:
        """Return ``step`` as a step that does nothing while another process does it.

        It raises Unavailable while it is not known whether another one does: then nobody may.

        Args:
            gained: called before the first step after the lease was had.
        """
        last: int | None = None

        def run() -> object:
            nonlocal last
            token = self.token(name)
            if token is None:
                self._require_looks()
                return None
            if token != last and gained is not None:
                gained()
            last = token
            try:
                return step()
            except LostLease as lost:
                _log.warning("%s", lost)
                return None

        return run

    def _require_looks(self) -> None:
        """Tell by time whether looks go well: one that hangs does not fail."""
        since = self._monotonic() - self._looked_at
        if since >= EXPIRY_S:
            raise Unavailable(
                f"The leases of the loops could not be renewed for {since:.0f} s: this process "
                "does not run them. Does the database accept changes, and has its disk room?"
            )

    def beat(self) -> None:
        """Renew what is held, and take over what stands still. One pass."""
        began = self._monotonic()
        if self._held and began - self._renewed_at >= BEAT_S:
            self._renew(began)
        found = self._store.read(leases.seen)
        free = [name for name in self._names if name not in self._held]
        stale = [name for name in free if self._stands_still(name, found.get(name), began)]
        if stale:
            self._claim({name: found.get(name) for name in stale}, began)
        self._looked_at = self._monotonic()

    def _renew(self, began: float) -> None:
        held, now = self._held, self._clock()
        kept = self._store.write(lambda s: leases.renew(s, held, now))
        for name in held.keys() - kept:
            _log.warning("%s", LostLease(name))
        self._held = {name: token for name, token in held.items() if name in kept}
        self._renewed_at = began

    def _stands_still(self, name: str, now: Lease | None, at: float) -> bool:
        last, since = self._watched.get(name, (None, at))
        if now is None or now.holder == leases.NOBODY:
            return True
        if now != last:
            self._watched[name] = (now, at)
            return False
        return at - since >= EXPIRY_S

    def _claim(self, stale: dict[str, Lease | None], began: float) -> None:
        holder, now = self._holder, self._clock()
        tokens = self._store.write(
            lambda s: {
                name: leases.claim(s, name, holder, last, now) for name, last in stale.items()
            }
        )
        taken = {name: token for name, token in tokens.items() if token is not None}
        if not self._held:
            self._renewed_at = began
        self._held = {**self._held, **taken}
        for name in stale:
            self._watched.pop(name, None)
        if taken:
            self.gained.ring_from_thread()
            _log.info("%s runs from now on: %s", holder, ", ".join(taken))

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        try:
            self.beat()
        except Exception:  # a loop never dies silently
            if not self._failing:
                _log.exception("the leases of the loops cannot be renewed; trying again")
            self._failing = True
        else:
            self._failing = False
