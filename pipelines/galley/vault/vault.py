"""Seals and opens values with the keys of a file, which is read again when it changes."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from galley.errors import Unavailable
from galley.vault.keys import read_keys


class Place(NamedTuple):
    """Which secret it is; ``owner`` is empty for the tenant's own."""

    tenant: str
    owner: str
    name: str

    @property
    def words(self) -> str:
        """How people call it."""
        whose = f"{self.owner}'s value of the secret" if self.owner else "the secret"
        return f"{whose} {self.name!r} of tenant {self.tenant!r}"


class Vault:
    """Safe to use from several threads and processes.

    Args:
        path: the file of keys; see :mod:`galley.vault.keys`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._seen: tuple[int, int, int] | None = None
        self._keys: MultiFernet | None = None

    def seal(self, place: Place, value: str) -> bytes:
        """Return the value encrypted with the newest key.

        Raises:
            Unavailable: there is no usable key.
        """
        return self._ring().encrypt(json.dumps([*place, value]).encode())

    def open(self, place: Place, sealed: bytes) -> str:
        """Return the value.

        Raises:
            Unavailable: there is no usable key, or none of the keys opens it.
        """
        try:
            found = json.loads(self._ring().decrypt(sealed))
        except InvalidToken:
            raise self._wrong_key(place) from None
        if tuple(found[:3]) != tuple(place):
            raise Unavailable(
                f"{place.words} was sealed as another one: the database was changed by hand. Set "
                "the secret again."
            )
        return str(found[3])

    def reseal(self, place: Place, sealed: bytes) -> bytes:
        """Return the same value encrypted with the newest key.

        Raises:
            Unavailable: as :meth:`open`.
        """
        return self.seal(place, self.open(place, sealed))

    def _wrong_key(self, place: Place) -> Unavailable:
        return Unavailable(
            f"{place.words} was sealed with a key that is not in {self.path}. Put that key back "
            "from a backup, on a line of its own, or set the secret again. Nothing was changed."
        )

    def _ring(self) -> MultiFernet:
        with self._lock:
            stamp = self._stamp()
            if self._keys is None or stamp is None or stamp != self._seen:
                self._keys = MultiFernet([Fernet(key) for key in read_keys(self.path)])
                self._seen = stamp
            return self._keys

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size
