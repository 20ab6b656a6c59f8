"""Compare-and-set: a change of state holds only if the state is still the expected one.

Glossary
    arrow   one legal change of state; each is one function of the ``*_arrows`` modules
    winner  the caller whose UPDATE matched the row; all others get a Conflict
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from galley.domain.model import in_words
from galley.errors import Conflict, NotFound
from galley.store.backfill_tables import BackfillRow
from galley.store.tables import AttemptRow, RunRow, VersionRow

S = TypeVar("S", bound=StrEnum)
Row = TypeVar("Row", VersionRow, RunRow, AttemptRow, BackfillRow)


@cache
def _statement(table: type[Row], changed: tuple[str, ...]) -> ReturningUpdate[Row]:
    """Return the UPDATE of these columns; putting it together takes longer than it does itself."""
    columns = table.__table__.columns
    return (
        update(table)
        .where(table.id == bindparam("of"), table.state == bindparam("expected"))
        .values({name: bindparam(f"new_{name}", type_=columns[name].type) for name in changed})
        .returning(table)
        .execution_options(synchronize_session=False, populate_existing=True)
    )


def move(
    session: Session,
    table: type[Row],
    row_id: UUID,
    expected: S,
    target: S,
    table_of_arrows: Mapping[S, frozenset[S]],
    **values: Any,
) -> Row:
    """Set the state of a row from ``expected`` to ``target``, together with ``values``.

    Returns:
        The row as it is now.

    Raises:
        Conflict: its state is not ``expected`` (any more).
        ValueError: the transition table has no such arrow: a defect of the caller.
    """
    if target not in table_of_arrows[expected]:
        raise ValueError(f"{table.__tablename__}: there is no arrow {expected} -> {target}")
    changes = {"state": target, **values}
    given = {
        "of": row_id,
        "expected": expected,
        **{f"new_{key}": it for key, it in changes.items()},
    }
    moved: Row | None = session.scalars(_statement(table, tuple(changes)), given).one_or_none()
    if moved is not None:
        return moved
    row = session.get(table, row_id, populate_existing=True)
    noun = table.__tablename__.removesuffix("s")
    if row is None:
        raise NotFound(f"There is no {noun} {row_id}.")
    raise Conflict(
        f"The {noun} {row_id} is {in_words(row.state)}, not {in_words(expected)}: it changed "
        "meanwhile. Reload and try again.",
        state=str(row.state),
    )
