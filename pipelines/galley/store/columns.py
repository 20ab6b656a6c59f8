"""Column types: UTC instants and enums stored by value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import ColumnElement, DateTime, Dialect, Enum, TypeDecorator, bindparam
from sqlalchemy.orm import InstrumentedAttribute

E = TypeVar("E", bound=StrEnum)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime; stored as UTC, read back as UTC.

    SQLite keeps text whose order is the order of time; PostgreSQL keeps ``timestamptz``.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """Remember the last ones: rows that are written together share most of their instants."""
        process = super().bind_processor(dialect)
        return process and lru_cache(64)(process)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes; hand over UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; the store takes aware datetimes only")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware UTC datetime."""
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def enum_column(kind: type[StrEnum]) -> Enum:
    """Return a text column that holds the values of ``kind`` (new members need no migration)."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def literally(
    column: ColumnElement[E] | InstrumentedAttribute[E], *values: E
) -> ColumnElement[bool]:
    """Return the condition that ``column`` is one of ``values``, written out in the statement.

    A database uses a partial index only where it can read in the statement that its condition
    holds; bound parameters say nothing.
    """
    given = values if len(values) > 1 else values[0]
    bound = bindparam(
        None, given, type_=column.type, literal_execute=True, expanding=len(values) > 1
    )
    return column.in_(bound) if len(values) > 1 else column == bound


def new_id() -> UUID:
    """Return a time-ordered UUID (version 7)."""
    identifier: UUID = uuid_utils.compat.uuid7()
    return identifier
