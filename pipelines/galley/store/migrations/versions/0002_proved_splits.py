"""Proved splits: what a rehearsal found, and the digest a version was published with"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision: columns are added in place, because rows of other tables refer here."""
    op.add_column("versions", sa.Column("layout", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("versions", sa.Column("tasks", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("versions", _text("prove", 16, "never"))
    op.add_column("versions", _text("published_digest", 64, ""))
    op.execute("UPDATE versions SET published_digest = digest")
    op.add_column(
        "attempts", sa.Column("extra_s", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("attempts", sa.Column("rehearsal", sa.JSON(none_as_null=True), nullable=True))


def _text(name: str, length: int, default: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False, server_default=default)


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("attempts", "rehearsal")
    op.drop_column("attempts", "extra_s")
    op.drop_column("versions", "published_digest")
    op.drop_column("versions", "prove")
    op.drop_column("versions", "tasks")
    op.drop_column("versions", "layout")
