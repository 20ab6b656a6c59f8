"""Deadlines of what backfills and triggers start, and which kernel a task had"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("backfills", "deadline_s", sa.Integer()),
    ("triggers", "deadline_s", sa.Integer()),
    ("task_tries", "kernel", sa.Text()),
)


def upgrade() -> None:
    """Apply this revision: until now only a schedule's runs had a deadline."""
    for table, name, kind in _COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Take this revision back."""
    for table, name, _ in _COLUMNS:
        op.drop_column(table, name)
