"""Keyset pages: a cursor names the last row seen, so that new rows shift nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from galley.domain.model import Page
from galley.errors import InvalidInput

R = TypeVar("R")
T = TypeVar("T")

MAX_LIMIT = 200


def encode(key: object) -> str:
    """Return ``key`` as an opaque cursor."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def decode(cursor: str) -> str:
    """Return the key within ``cursor``.

    Raises:
        InvalidInput: this store did not make it.
    """
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise _unknown(cursor) from error


def decode_id(cursor: str) -> UUID:
    """Return the UUID within ``cursor``; raises InvalidInput."""
    try:
        return UUID(decode(cursor))
    except ValueError as error:
        raise _unknown(cursor) from error


def decode_number(cursor: str) -> int:
    """Return the whole number within ``cursor``; raises InvalidInput."""
    try:
        return int(decode(cursor))
    except ValueError as error:
        raise _unknown(cursor) from error


def decode_dated(cursor: str) -> tuple[datetime, UUID]:
    """Return the instant and the UUID within ``cursor``; raises InvalidInput."""
    instant, _, identifier = decode(cursor).partition(" ")
    try:
        found = datetime.fromisoformat(instant), UUID(identifier)
    except ValueError as error:
        raise _unknown(cursor) from error
    if found[0].tzinfo is None:
        raise _unknown(cursor)
    return found


def _unknown(cursor: str) -> InvalidInput:
    return InvalidInput(
        f"{cursor[:100]!r} is not a cursor: use next_cursor of the page before, or none.",
        field="cursor",
    )


def clamp(limit: int) -> int:
    """Return ``limit`` within 1 and :data:`MAX_LIMIT`."""
    return max(1, min(limit, MAX_LIMIT))


def page_of(
    rows: Sequence[R],
    limit: int,
    convert: Callable[[Sequence[R]], list[T]],
    key: Callable[[R], object],
) -> Page[T]:
    """Return a page of at most ``limit`` items from ``rows``, which were asked for one more."""
    kept = rows[:limit]
    more = len(rows) > limit
    return Page(items=convert(kept), next_cursor=encode(key(kept[-1])) if more else None)
