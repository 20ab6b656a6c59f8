"""The base of every model: frozen, strict about unknown keys, UTC-aware."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A frozen value; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is outside of the years 1 to 9999 in UTC") from None


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A point in time: zone-aware on the way in, UTC from then on."""


EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Nothing is planned for a time before the one or from the other on."""


def _plannable(value: datetime) -> datetime:
    if not EARLIEST <= value < LATEST:
        raise ValueError(
            f"{value.isoformat()} is not between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}"
        )
    return value


PlannedInstant = Annotated[Instant, AfterValidator(_plannable)]
"""A point in time that a person chooses for runs: within years that calendars and clocks know."""


MOST = 2**31 - 1
"""The largest number that every database keeps as a whole one."""

Number = Annotated[int, Field(ge=1, le=MOST)]
"""A number by which something is asked for that is counted from 1: a version, an attempt."""


T = TypeVar("T")


class Page(Model, Generic[T]):
    """One page of a list.

    Attributes:
        items: at most ``limit`` items, newest first unless the route says otherwise.
        next_cursor: opaque; pass it back as ``cursor`` for the next page. None on the last page.
    """

    items: list[T]
    next_cursor: str | None = None


def in_words(state: StrEnum) -> str:
    """Return a state as sentences have it: ``in review``."""
    return state.replace("_", " ")
