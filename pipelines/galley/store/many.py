"""Many rows in one statement of one length, which is prepared once, whatever their number.

Several such statements go to PostgreSQL without waiting for each answer, where they are
:func:`sent_together`.

SQLite's driver compiles an INSERT once and takes rows after it. PostgreSQL gets them as one JSON
text, which it turns into rows of the table itself: row by row each would be a statement to plan.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, partial
from typing import Any, NamedTuple
from typing import cast as as_type

from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    CursorResult,
    Executable,
    LargeBinary,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.schema import CallableColumnDefault, ScalarElementColumnDefault

from galley.store.columns import UtcDateTime

_NUL = b"\\u0000"


def insert_all(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that have the same columns; those left out have their defaults.

    Raises:
        ValueError: an instant has no time zone.
    """
    if not rows:
        return
    if session.get_bind().dialect.name != "postgresql":
        session.execute(insert(table), rows)
        return
    made = _insert(table, tuple(rows[0]))
    session.execute(made.statement, {"rows": _json(made, rows)})


class Sent:
    """Statements under way, see :func:`sent_together`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._expected: list[tuple[CursorResult[Any], int, Exception]] = []

    def change(
        self, statement: Executable, values: Mapping[str, Any], rows: int, otherwise: Exception
    ) -> None:
        """Execute an UPDATE that meets ``rows`` rows; where it did not, the end raises."""
        result = self._session.execute(statement, values)
        assert isinstance(result, CursorResult)
        self._expected.append((result, rows, otherwise))

    def ended(self) -> None:
        """Look at what the database has answered to all."""
        for result, rows, otherwise in self._expected:
            # The result itself was made before there was an answer; the driver's cursor has it.
            if result.context.cursor.rowcount != rows:
                raise otherwise


@contextmanager
def sent_together(session: Session) -> Iterator[Sent]:
    """Insert and update without waiting: PostgreSQL works while the next is being prepared.

    Nothing can be read within. What the database refuses is raised at the end, as the driver's own
    error: the writer knows it too.
    """
    sent = Sent(session)
    if session.get_bind().dialect.name != "postgresql":
        yield sent
        sent.ended()
        return
    session.flush()
    driver: Any = session.connection().connection.driver_connection
    own: Exception | None = None
    try:
        with driver.pipeline():
            try:
                yield sent
            except Exception as error:
                # A pipeline that ends with it logs a warning: that it was given up, as is known.
                own = error
    except Exception:
        if own is None:
            raise
    if own is not None:
        raise own
    sent.ended()


class _Insert(NamedTuple):
    """How rows with some of a table's columns are inserted.

    Attributes:
        defaults: of the columns that are not given, what makes a value.
        instants: names of the columns of instants, for which a zone must be known.
        binary: names of the columns of bytes, which JSON has not.
    """

    statement: Executable
    defaults: tuple[tuple[str, Callable[[], Any]], ...]
    instants: tuple[str, ...]
    binary: tuple[str, ...]


@cache
def _insert(table: Table, given: tuple[str, ...]) -> _Insert:
    defaults = [
        (one.name, partial(_default, one.default))
        for one in table.columns
        if one.name not in given
        and isinstance(one.default, ScalarElementColumnDefault | CallableColumnDefault)
    ]
    names = (*given, *(name for name, _ in defaults))
    found = func.json_populate_recordset(
        literal_column(f'NULL::"{table.name}"'), cast(bindparam("rows", type_=Text), JSON)
    ).table_valued(*(column(name, table.c[name].type) for name in names), name="given")
    return _Insert(
        insert(table).from_select(names, select(*found.c), include_defaults=False),
        tuple(defaults),
        tuple(name for name in names if isinstance(table.c[name].type, UtcDateTime)),
        tuple(name for name in names if isinstance(table.c[name].type, LargeBinary)),
    )


def _default(default: ScalarElementColumnDefault | CallableColumnDefault) -> Any:
    # The functions of this package's tables look at no statement.
    return default.arg(as_type(Any, None)) if default.is_callable else default.arg


def _json(made: _Insert, rows: Iterable[Mapping[str, Any]]) -> str:
    whole = [{**row, **{name: default() for name, default in made.defaults}} for row in rows]
    for row in whole:
        for name in made.instants:
            at: datetime | None = row[name]
            if at is not None and at.tzinfo is None:
                raise ValueError(f"{at!r} has no time zone; the store takes aware datetimes only")
        for name in made.binary:
            row[name] = f"\\x{row[name].hex()}"
    text = to_json(whole, inf_nan_mode="constants")
    if _NUL in text:
        text = to_json(_without_nul(json.loads(text)), inf_nan_mode="constants")
    return text.decode()


def _without_nul(value: Any) -> Any:
    """Return what was read of JSON without NUL, which PostgreSQL cannot keep."""
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        case list():
            return [_without_nul(one) for one in value]
        case dict():
            return {_without_nul(key): _without_nul(one) for key, one in value.items()}
    return value
