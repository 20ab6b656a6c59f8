"""Secrets of tenants and personal values, sealed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from galley.store.columns import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "secrets",
        sa.Column("tenant", sa.String(48), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "owner", "name", name="pk_secrets"),
    )


def downgrade() -> None:
    """Take this revision back: the values go with it."""
    op.drop_table("secrets")
