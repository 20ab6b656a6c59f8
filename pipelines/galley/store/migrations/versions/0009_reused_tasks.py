"""Tasks that an attempt took over from an earlier one, and the indexes of the loops"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INDEXES: dict[str, tuple[str, list[str], str]] = {
    "ix_versions_unmirrored": ("versions", ["id"], "mirror_commit IS NULL"),
    "ix_schedules_limited": (
        "schedules",
        ["tenant"],
        "until IS NULL AND max_active_runs IS NOT NULL",
    ),
    "ix_attempts_used": (
        "attempts",
        ["tenant", "profile", "cpu", "memory"],
        "state IN ('leased', 'running')",
    ),
}


def upgrade() -> None:
    """Apply this revision: until now every attempt executed all its tasks."""
    op.add_column("task_tries", sa.Column("reused_from", sa.Integer(), nullable=True))
    for name, (table, columns, condition) in _INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Take this revision back."""
    for name, (table, _, _) in _INDEXES.items():
        op.drop_index(name, table)
    op.drop_column("task_tries", "reused_from")
