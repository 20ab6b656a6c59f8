"""Passwords of the built-in sign-in: scrypt hashes in one file of mode 0600."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_N, _R, _P = 2**15, 8, 1
_MAX_MEMORY = 128 * _N * _R * 2
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without what is easily misread
MIN_LENGTH = 8


class Passwords:
    """The password file: user name → ``scrypt$n$r$p$salt$hash``.

    It is read at each sign-in, so that a change counts at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def users(self) -> list[str]:
        """Return the users that have a password."""
        return sorted(self._read())

    def set(self, user: str, password: str) -> None:
        """Give ``user`` a password, replacing an earlier one.

        Raises:
            ValueError: the password is too short.
        """
        if len(password) < MIN_LENGTH:
            raise ValueError(f"a password has at least {MIN_LENGTH} characters")
        with self._locked():
            self._write({**self._read(), user: _hashed(password, secrets.token_bytes(16))})

    def remove(self, user: str) -> None:
        """Take the password away, if there is one."""
        with self._locked():
            self._write({name: hashed for name, hashed in self._read().items() if name != user})

    def verify(self, user: str, password: str) -> bool:
        """Return whether the password is right; it takes as long for an unknown user."""
        known = self._read().get(user)
        right = _matches(known or _DECOY, password)
        return right and known is not None

    @staticmethod
    def generate() -> str:
        """Return a new random password, about 79 bits, easy to read and type."""
        return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))

    def _read(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        users: dict[str, str] = json.loads(self._path.read_text())["users"]
        return users

    def _write(self, users: dict[str, str]) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump({"format": 1, "users": users}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _hashed(password: str, salt: bytes) -> str:
    digest = hashlib.scrypt(
        password.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=_MAX_MEMORY, dklen=32
    )
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${digest.hex()}"


def _matches(hashed: str, password: str) -> bool:
    _, n, r, p, salt, digest = hashed.split("$")
    tried = hashlib.scrypt(
        password.encode(),
        salt=bytes.fromhex(salt),
        n=int(n),
        r=int(r),
        p=int(p),
        maxmem=128 * int(n) * int(r) * 2,
        dklen=len(digest) // 2,
    )
    return hmac.compare_digest(tried, bytes.fromhex(digest))


_DECOY = f"scrypt${_N}${_R}${_P}${'00' * 16}${'00' * 32}"
