"""Rules of schedules: start and end, jitter, overlap, priority, deadline, own parameters"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from galley.store.columns import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPEN = "state IN ('queued', 'launching', 'running')"
_KEYS = ("cron", "timezone", "catch_up")
"""What a schedule said before."""

_INDEXES: dict[str, tuple[list[str], str]] = {
    "ix_runs_waiting": (["tenant", "priority DESC", "id"], "state = 'queued'"),
    "ix_runs_series_open": (["trigger_id", "scheduled_at"], _OPEN),
    "ix_runs_succeeded": (["pipeline_id", "logical_date"], "state = 'succeeded'"),
    "ix_runs_deadline": (["deadline"], "state = 'queued' AND deadline IS NOT NULL"),
}


def _columns() -> dict[str, list[sa.Column[object]]]:
    return {
        "schedules": [
            sa.Column("starts_at", UtcDateTime(), nullable=True),
            sa.Column("ends_at", UtcDateTime(), nullable=True),
            sa.Column("jitter_s", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("catch_up_limit", sa.Integer(), nullable=False, server_default="100"),
            sa.Column("overlap", sa.String(32), nullable=False, server_default="allow"),
            sa.Column("depends_on_past", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("deadline_s", sa.Integer(), nullable=True),
            sa.Column("max_active_runs", sa.Integer(), nullable=True),
            sa.Column(
                "parameters", sa.JSON(none_as_null=True), nullable=False, server_default="{}"
            ),
        ],
        "runs": [
            sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("deadline", UtcDateTime(), nullable=True),
            sa.Column("overlap", sa.String(32), nullable=True),
            sa.Column("depends_on_past", sa.Boolean(), nullable=False, server_default=sa.false()),
        ],
    }


def _index_what_is_due(condition: str) -> None:
    op.drop_index("ix_schedules_due", "schedules")
    where = sa.text(condition)
    op.create_index(
        "ix_schedules_due",
        "schedules",
        ["next_firing"],
        sqlite_where=where,
        postgresql_where=where,
    )


def upgrade() -> None:
    """Apply this revision: what was there before overlaps freely, as it did."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.execute("UPDATE schedules SET next_firing = NULL WHERE until IS NOT NULL")
    _index_what_is_due("next_firing IS NOT NULL")
    for name, (parts, condition) in _INDEXES.items():
        op.create_index(
            name,
            "runs",
            [sa.text(part) if " " in part else part for part in parts],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def downgrade() -> None:
    """Take this revision back: the release before it reads neither new values nor new keys."""
    op.execute("UPDATE schedules SET catch_up = 'latest' WHERE catch_up = 'all'")
    _forget_rules_of_versions()
    for name in reversed(_INDEXES):
        op.drop_index(name, "runs")
    _index_what_is_due("until IS NULL AND next_firing IS NOT NULL")
    for table, columns in reversed(_columns().items()):
        for column in reversed(columns):
            op.drop_column(table, column.name)


def _forget_rules_of_versions() -> None:
    versions = sa.table("versions", sa.column("id", sa.Uuid()), sa.column("schedule", sa.JSON()))
    connection = op.get_bind()
    for row in connection.execute(sa.select(versions)).all():
        if row.schedule:
            kept = {key: row.schedule[key] for key in _KEYS if key in row.schedule}
            if kept.get("catch_up") == "all":
                kept["catch_up"] = "latest"
            change = sa.update(versions).where(versions.c.id == row.id)
            connection.execute(change.values(schedule=kept))
