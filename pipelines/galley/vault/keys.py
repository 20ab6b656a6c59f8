"""The file of keys (0600): one Fernet key per line, the first one seals, all of them open."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet

from galley.errors import Unavailable

_HEADER = (
    "# Keys of the secrets in Galley's database: the first one seals, all of them open.\n"
    "# Without this file the secrets cannot be read: back it up, apart from the database.\n"
)
_KEPT = 2
"""Keys that stay after a rotation: a process that read the file before it may still seal."""


def make_keys(path: Path) -> None:
    """Write a file with one new key unless there is a file already."""
    if not path.exists():
        _write(path, [Fernet.generate_key().decode()])


def rotate_keys(path: Path) -> None:
    """Put a new key before the one in use; older ones are dropped.

    Raises:
        Unavailable: the file cannot be read.
    """
    _write(path, [Fernet.generate_key().decode(), *read_keys(path)[: _KEPT - 1]])


def read_keys(path: Path) -> list[str]:
    """Return the keys, the one that seals first.

    Raises:
        Unavailable: the file is missing or holds something else.
    """
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise Unavailable(
            f"secrets cannot be used: there is no file of keys {path}. Put it back from a backup "
            "(the secrets in the database need it); `galley up` makes one where there are none."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"secrets cannot be used: the file of keys {path} cannot be read: "
            f"{error.strerror if isinstance(error, OSError) else 'it is not text'}"
        ) from None
    keys = [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            raise Unavailable(
                f"secrets cannot be used: key {number} in {path} is not a Fernet key (32 bytes in "
                "URL-safe base64). Put the file back from a backup."
            ) from None
    if not keys:
        raise Unavailable(
            f"secrets cannot be used: {path} holds no key. Put it back from a backup."
        )
    return keys


def _write(path: Path, keys: list[str]) -> None:
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(_HEADER + "".join(f"{key}\n" for key in keys))
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
