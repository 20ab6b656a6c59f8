"""User ids of sandboxes: one per (user, tenant) and one per tenant, never given to another."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FIRST_UID = 200_000
"""Above the ids of people and system services, below those of user namespaces' usual ranges."""


class Identities:
    """The registry of user ids, one JSON file that is only ever appended to.

    An ordinary user has a single id to give, so all sandboxes get that one; their namespaces
    keep them apart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def user(self, user: str, tenant: str) -> int:
        """Return the uid of a member's own servers and rehearsals in a tenant."""
        return self._uid(f"user/{tenant}/{user}")

    def tenant(self, tenant: str) -> int:
        """Return the uid of a tenant's service identity; its number is the tenant's gid too."""
        return self._uid(f"tenant/{tenant}")

    def group(self, tenant: str) -> int:
        """Return the gid that all identities of a tenant share, for its shared datasets."""
        return self.tenant(tenant) if os.geteuid() == 0 else os.getgid()

    def _uid(self, key: str) -> int:
        if os.geteuid() != 0:
            return os.geteuid()
        with self._locked():
            known: dict[str, int] = {}
            if self._path.exists():
                known = json.loads(self._path.read_text())
            if key not in known:
                known[key] = max(known.values(), default=FIRST_UID - 1) + 1
                self._save(known)
            return known[key]

    def _save(self, known: dict[str, int]) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps(known, indent=2))
        temporary.chmod(0o600)
        temporary.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
