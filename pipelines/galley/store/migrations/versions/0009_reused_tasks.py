"""Tasks that an attempt took over from an earlier one"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision: until now every attempt executed all its tasks."""
    op.add_column("task_tries", sa.Column("reused_from", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("task_tries", "reused_from")
