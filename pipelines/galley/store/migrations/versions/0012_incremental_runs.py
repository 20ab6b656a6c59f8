"""Runs that execute only what has changed, and which run a task was taken over from"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision: until now every run executed all its tasks."""
    op.add_column(
        "runs",
        sa.Column("incremental", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("task_tries", sa.Column("reused_run", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("runs", "incremental")
    op.drop_column("task_tries", "reused_run")
