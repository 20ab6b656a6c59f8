"""MLflow runs that are to be deleted with their run, and the indexes of the loops"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
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
    """Apply this revision: what runs logged that were removed before stays in MLflow."""
    op.create_table(
        "tracked_removals",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.String(48), nullable=False),
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_tracked_removals"),
    )
    for name, (table, columns, condition) in _INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Take this revision back."""
    for name, (table, _, _) in _INDEXES.items():
        op.drop_index(name, table)
    op.drop_table("tracked_removals")
