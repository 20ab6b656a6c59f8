"""Alembic's entry point; the connection and its transaction come from :mod:`..migrate`."""

from __future__ import annotations

from alembic import context

from galley.store import records
from galley.store.tables import Base

assert records.EventRow.metadata is Base.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
