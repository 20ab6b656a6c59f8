"""Leases of the service's loops, lists of a million runs, event ids that do not run out"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from galley.store.columns import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COUNTED = ("audit", "events")

LISTED = (("tenant", "state", "id"), ("tenant", "kind", "id"), ("pipeline_id", "state", "id"))
"""What lists of runs are filtered by, each in the order in which they are shown."""


def upgrade() -> None:
    """Apply this revision; SQLite's whole numbers have 64 bits already."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("renewed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    for columns in LISTED:
        op.create_index(f"ix_runs_{'_'.join(columns)}", "runs", list(columns))
    if op.get_bind().dialect.name == "postgresql":
        for table in COUNTED:
            op.alter_column(table, "id", type_=sa.BigInteger())
            op.execute(f"ALTER SEQUENCE {table}_id_seq AS bigint")


def downgrade() -> None:
    """Take this revision back."""
    if op.get_bind().dialect.name == "postgresql":
        for table in COUNTED:
            op.execute(f"ALTER SEQUENCE {table}_id_seq AS integer")
            op.alter_column(table, "id", type_=sa.Integer())
    for columns in reversed(LISTED):
        op.drop_index(f"ix_runs_{'_'.join(columns)}", "runs")
    op.drop_table("leases")
