"""Many rows in one statement of one length, which is prepared once, whatever their number.

SQLite's driver compiles an INSERT once and takes rows after it. PostgreSQL gets them as one JSON
text, which it turns into rows of the table itself: row by row each would be a statement to plan.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, NamedTuple
from typing import cast as as_type

from pydantic_core import to_json
from sqlalchemy import (
    JSON,
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
