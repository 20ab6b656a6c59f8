"""Many rows at once are what they are one by one, on both stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from galley.domain.events import EventKind
from galley.store import Store, audit
from galley.store.columns import new_id
from galley.store.many import insert_all, sent_together
from galley.store.records import AuditRow, EventRow, TokenKind, TokenRow
from galley.store.tables import Base
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

AUDIT = Base.metadata.tables[AuditRow.__tablename__]
EVENTS = Base.metadata.tables[EventRow.__tablename__]
TOKENS = Base.metadata.tables[TokenRow.__tablename__]
AT = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def line(**changes: Any) -> dict[str, Any]:
    told = {"tenant": "lab", "actor": "ana", "action": "a", "subject": "s", "detail": {}, "at": AT}
    return {**told, **changes}


HARD = [
    line(subject="caf\u00e9 \U0001f600 'q' \"d\" \\u0041 \\\\ {}", detail={"n": None, "f": 1e-320}),
    line(detail={"list": [1, {"deep": [True, 2.5]}], "long": 2**53 + 1, "text": "a\tb\nc"}),
    line(at=AT.astimezone(UTC), actor=""),
]


def rows_of(store: Store) -> list[tuple[Any, ...]]:
    columns = (one for one in AUDIT.c if one.name != "id")
    return [tuple(row) for row in store.read(lambda s: s.execute(select(*columns)).all())]


def test_rows_are_those_of_one_by_one(store: Store) -> None:
    for one in HARD:
        store.write(lambda s: s.execute(insert(AUDIT), one))  # noqa: B023
    alone = rows_of(store)
    store.write(lambda s: s.execute(AUDIT.delete()))
    store.write(lambda s: insert_all(s, AUDIT, HARD))
    assert rows_of(store) == alone
    assert len(alone) == 3


def test_what_is_left_out_has_its_default_and_each_its_own(store: Store) -> None:
    rows = [
        {
            "secret_hash": bytes([0, number, 92, 255]),
            "kind": TokenKind.HOST,
            "tenant": "lab",
            "created_at": AT,
        }
        for number in range(3)
    ]
    store.write(lambda s: insert_all(s, TOKENS, rows))
    found = store.read(lambda s: list(s.scalars(select(TokenRow).order_by(TokenRow.id))))
    assert [one.secret_hash for one in found] == [one["secret_hash"] for one in rows]
    assert len({one.id for one in found}) == 3
    assert {(one.kind, one.created_at, one.expires_at) for one in found} == {
        (TokenKind.HOST, AT, None)
    }


def test_numbers_count_in_the_order_given(store: Store) -> None:
    rows = [
        {
            "tenant": "lab",
            "kind": EventKind.RUN_CHANGED,
            "subject": new_id(),
            "pipeline": f"p{number}",
            "data": {},
            "at": AT,
        }
        for number in range(100)
    ]
    store.write(lambda s: insert_all(s, EVENTS, rows))
    told = store.read(lambda s: s.scalars(select(EventRow.pipeline).order_by(EventRow.id)).all())
    assert told == [row["pipeline"] for row in rows]


def test_nul_costs_no_run(store: Store) -> None:
    """PostgreSQL cannot keep it; what looks like its escape is not it."""
    rows = [line(subject="a\0b\\u0000", detail={"error": ["x\0"]})]
    store.write(lambda s: insert_all(s, AUDIT, rows))
    (entry,) = store.read(lambda s: audit.page(s, "lab")).items
    assert entry.subject.replace("\N{REPLACEMENT CHARACTER}", "\0") == "a\0b\\u0000"


def test_an_instant_without_zone_is_refused_and_nothing_is_written(store: Store) -> None:
    rows = [line(), line(at=datetime(2026, 3, 2))]  # noqa: DTZ001
    with pytest.raises(Exception, match="time zone"):
        store.write(lambda s: insert_all(s, AUDIT, rows))
    store.write(lambda s: insert_all(s, AUDIT, []))
    assert rows_of(store) == []


RENAME = (
    update(AUDIT).where(AUDIT.c.actor == bindparam("who")).values(actor=bindparam("now_called"))
)


def rename(store: Store, expected: int) -> None:
    """Insert two lines of Ana's and rename her in one step, ``expected`` lines of hers."""

    def together(session: Session) -> None:
        with sent_together(session) as sent:
            insert_all(session, AUDIT, [line(), line()])
            names = {"who": "ana", "now_called": "bea"}
            sent.change(RENAME, names, expected, LookupError("not so many"))
            insert_all(session, AUDIT, [line(actor="cy")])

    store.write(together)


def test_what_is_sent_together_happens_in_its_order(store: Store) -> None:
    rename(store, 2)
    actors = [row.actor for row in store.read(lambda s: audit.page(s, "lab")).items]
    assert actors == ["cy", "bea", "bea"]


@pytest.mark.parametrize("expected", [1, 3])
def test_a_change_that_meets_other_rows_than_it_should_undoes_all(
    store: Store, expected: int
) -> None:
    with pytest.raises(LookupError, match="not so many"):
        rename(store, expected)
    assert rows_of(store) == []


def test_what_the_database_refuses_among_others_undoes_all(store: Store) -> None:
    """PostgreSQL's driver raises it at the end, as its own error."""
    token = {"secret_hash": b"1", "kind": TokenKind.HOST, "tenant": "lab", "created_at": AT}

    def twice(session: Session) -> None:
        with sent_together(session):
            insert_all(session, TOKENS, [token, token])
            insert_all(session, AUDIT, [line()])

    with pytest.raises((IntegrityError, psycopg.errors.UniqueViolation)):
        store.write(twice)
    assert rows_of(store) == []
    rename(store, 2)
