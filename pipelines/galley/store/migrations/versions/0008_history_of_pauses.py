"""Pauses of schedules, drained hosts, retention, and the indexes of lists and calendars"""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from galley.store.columns import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_LISTS = (
    ("tenant", "logical_date", "id"),
    ("tenant", "state", "logical_date", "id"),
    ("pipeline_id", "logical_date", "id"),
)

_HISTORIES = ("deployments", "schedules")

_PAUSES = sa.table(
    "schedule_pauses",
    sa.column("id", sa.Uuid()),
    sa.column("pipeline_id", sa.Uuid()),
    sa.column("since", UtcDateTime()),
    sa.column("until", UtcDateTime()),
    sa.column("by", sa.Text()),
)


def upgrade() -> None:
    """Apply this revision: earlier pauses are read from the audit trail."""
    op.create_table(
        "schedule_pauses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name="fk_schedule_pauses_pipeline_id_pipelines"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_schedule_pauses"),
    )
    op.create_index(
        "ix_schedule_pauses_pipeline_id_since", "schedule_pauses", ["pipeline_id", "since"]
    )
    op.create_table(
        "drains",
        sa.Column("host", sa.String(300), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_drains"),
    )
    op.create_table(
        "hosts",
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("tenant", sa.String(48), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_hosts"),
    )
    op.create_table(
        "retention",
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("policy", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=True),
        sa.Column("set_at", UtcDateTime(), nullable=True),
        sa.Column("removed_until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name="fk_retention_pipeline_id_pipelines"
        ),
        sa.PrimaryKeyConstraint("pipeline_id", name="pk_retention"),
    )
    op.create_table(
        "removals",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.String(48), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_removals"),
    )
    op.add_column("runs", sa.Column("files_removed_at", UtcDateTime(), nullable=True))
    for columns in _LISTS:
        op.create_index(f"ix_runs_{'_'.join(columns)}", "runs", list(columns))
    for table in _HISTORIES:
        op.create_index(f"ix_{table}_pipeline_id_since", table, ["pipeline_id", "since"])
    _read_the_trail()


def _read_the_trail() -> None:
    connection = op.get_bind()
    audit = sa.table(
        "audit",
        sa.column("id"),
        sa.column("tenant"),
        sa.column("actor"),
        sa.column("action"),
        sa.column("subject"),
        sa.column("at", UtcDateTime()),
    )
    pipelines = sa.table(
        "pipelines", sa.column("id", sa.Uuid()), sa.column("tenant"), sa.column("slug")
    )
    known = {
        (row.tenant, f"pipeline/{row.slug}"): row.id
        for row in connection.execute(sa.select(pipelines))
    }
    changes = sa.select(audit).where(
        audit.c.action.in_(("schedule.paused", "schedule.resumed", "schedule.ended"))
    )
    running: dict[tuple[str, str], dict[str, object]] = {}
    found: list[dict[str, object]] = []
    for row in connection.execute(changes.order_by(audit.c.id)):
        key = row.tenant, row.subject
        if key not in known:
            continue
        if row.action == "schedule.paused":
            pause = {
                "id": uuid4(),
                "pipeline_id": known[key],
                "since": row.at,
                "until": None,
                "by": row.actor,
            }
            running[key] = pause
            found.append(pause)
        elif key in running:
            running.pop(key)["until"] = row.at
    if found:
        connection.execute(sa.insert(_PAUSES), found)


def downgrade() -> None:
    """Take this revision back."""
    for table in reversed(_HISTORIES):
        op.drop_index(f"ix_{table}_pipeline_id_since", table)
    for columns in reversed(_LISTS):
        op.drop_index(f"ix_runs_{'_'.join(columns)}", "runs")
    op.drop_column("runs", "files_removed_at")
    op.drop_table("removals")
    op.drop_table("retention")
    op.drop_table("hosts")
    op.drop_table("drains")
    op.drop_table("schedule_pauses")
    op.execute("DELETE FROM events WHERE kind = 'hosts.changed'")
