"""Answers to requests under an ``Idempotency-Key``: a repeated request changes nothing more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from galley.domain.model import Model
from galley.errors import Conflict
from galley.store.records import IdempotencyRow


class Replay(Model):
    """The answer that the first request got."""

    status: int
    body: Any


def replay(session: Session, caller: str, key: str, fingerprint: str) -> Replay | None:
    """Return the answer to the same request of the same caller, or None if it is the first.

    Raises:
        Conflict: the key was used for a different request.
    """
    row = session.get(IdempotencyRow, (caller, key))
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise Conflict(
            f"The Idempotency-Key {key[:100]!r} was used for a different request: use a new key.",
            field="Idempotency-Key",
        )
    return Replay(status=row.status, body=row.body)


def remember(
    session: Session,
    caller: str,
    key: str,
    fingerprint: str,
    status: int,
    body: Any,
    now: datetime,
) -> None:
    """Keep the answer, in the transaction of the change that it answers.

    Args:
        fingerprint: SHA-256 (hex) of method, path and body.
    """
    session.add(
        IdempotencyRow(
            caller=caller,
            key=key,
            fingerprint=fingerprint,
            status=status,
            body=body,
            created_at=now,
        )
    )
    session.flush()
