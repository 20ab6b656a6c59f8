"""Time limits of cells, and runs that are repeated on a larger profile"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision: an attempt from before had the profile of its version."""
    op.add_column("versions", sa.Column("cell_timeout_s", sa.Double(), nullable=True))
    op.add_column("runs", sa.Column("profile", sa.String(48), nullable=True))
    op.add_column("attempts", sa.Column("profile", sa.String(48), nullable=True))
    op.add_column("attempts", sa.Column("larger_profile", sa.String(48), nullable=True))
    op.execute(
        "UPDATE attempts SET profile = (SELECT versions.profile FROM versions "
        "JOIN runs ON runs.version_id = versions.id WHERE runs.id = attempts.run_id)"
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("attempts", "larger_profile")
    op.drop_column("attempts", "profile")
    op.drop_column("runs", "profile")
    op.drop_column("versions", "cell_timeout_s")
