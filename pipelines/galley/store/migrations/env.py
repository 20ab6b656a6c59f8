"""Alembic's entry point; the connection and its transaction come from :mod:`..migrate`."""

from __future__ import annotations

from alembic import context

from galley.store import backfill_tables, records, trigger_tables
from galley.store.tables import Base

_MODULES = (backfill_tables, records, trigger_tables)
"""Importing them is what adds their tables to the metadata."""
assert all(module.Base is Base for module in _MODULES)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
