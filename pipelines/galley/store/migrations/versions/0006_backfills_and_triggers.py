"""Backfills and triggers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from galley.store.columns import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_WAITING = sa.text("run_id IS NULL")
_ACTIVE = sa.text("state IN ('running', 'paused')")
_IN_FORCE = sa.text("until IS NULL")
_TABLES = (
    "trigger_firings",
    "trigger_watches",
    "trigger_successes",
    "trigger_upstreams",
    "triggers",
    "backfill_dates",
    "backfills",
)


def upgrade() -> None:
    """Apply this revision."""
    _backfills()
    _triggers()
    _firings()


def downgrade() -> None:
    """Take this revision back: the runs stay, as runs that somebody asked for by hand."""
    for table in _TABLES:
        op.drop_table(table)
    op.execute(
        "UPDATE runs SET trigger = 'manual' "
        "WHERE trigger IN ('backfill', 'upstream', 'file', 'webhook')"
    )
    op.execute("DELETE FROM secrets WHERE owner LIKE 'trigger:%'")
    op.execute("DELETE FROM events WHERE kind IN ('backfill.changed', 'trigger.changed')")


def _backfills() -> None:
    op.create_table(
        "backfills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.String(48), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("start", UtcDateTime(), nullable=False),
        sa.Column("end", UtcDateTime(), nullable=False),
        sa.Column("order", sa.String(32), nullable=False),
        sa.Column("parallel", sa.Integer(), nullable=False),
        sa.Column("only", sa.String(32), nullable=False),
        sa.Column("parameters", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("stop_at_first_failure", sa.Boolean(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name="fk_backfills_pipeline_id"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_backfills_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_backfills"),
    )
    op.create_index("ix_backfills_tenant_id", "backfills", ["tenant", "id"])
    op.create_index("ix_backfills_pipeline_id_id", "backfills", ["pipeline_id", "id"])
    op.create_index(
        "uq_backfills_active",
        "backfills",
        ["pipeline_id"],
        unique=True,
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    )
    op.create_table(
        "backfill_dates",
        sa.Column("backfill_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("logical_date", UtcDateTime(), nullable=False),
        sa.Column("data_interval_start", UtcDateTime(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("end_state", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(
            ["backfill_id"], ["backfills.id"], name="fk_backfill_dates_backfill_id"
        ),
        sa.PrimaryKeyConstraint("backfill_id", "position", name="pk_backfill_dates"),
        sa.UniqueConstraint(
            "backfill_id", "logical_date", name="uq_backfill_dates_backfill_id_logical_date"
        ),
    )
    op.create_index(
        "ix_backfill_dates_waiting",
        "backfill_dates",
        ["backfill_id", "position"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )


def _triggers() -> None:
    op.create_table(
        "triggers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.Uuid(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.String(48), nullable=False),
        sa.Column("name", sa.String(48), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("source", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("parameters", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name="fk_triggers_pipeline_id"),
        sa.PrimaryKeyConstraint("id", name="pk_triggers"),
    )
    op.create_index("ix_triggers_series", "triggers", ["series"])
    for name, columns, unique in (
        ("ix_triggers_tenant", ["tenant"], False),
        ("uq_triggers_current", ["pipeline_id", "name"], True),
    ):
        op.create_index(
            name,
            "triggers",
            columns,
            unique=unique,
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        )
    op.create_table(
        "trigger_upstreams",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        _of_trigger("trigger_upstreams"),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name="fk_trigger_upstreams_pipeline_id"
        ),
        sa.PrimaryKeyConstraint("trigger_id", "pipeline_id", name="pk_trigger_upstreams"),
    )
    op.create_index("ix_trigger_upstreams_pipeline_id", "trigger_upstreams", ["pipeline_id"])
    op.create_table(
        "trigger_watches",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("candidate", sa.Text(), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("polled_at", UtcDateTime(), nullable=True),
        sa.Column("next_poll", UtcDateTime(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        _of_trigger("trigger_watches"),
        sa.PrimaryKeyConstraint("trigger_id", name="pk_trigger_watches"),
    )
    op.create_index("ix_trigger_watches_next_poll", "trigger_watches", ["next_poll"])


def _firings() -> None:
    op.create_table(
        "trigger_successes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.String(48), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        _of_trigger("trigger_successes"),
        sa.PrimaryKeyConstraint("id", name="pk_trigger_successes"),
        sa.UniqueConstraint("trigger_id", "run_id", name="uq_trigger_successes_trigger_id_run_id"),
    )
    op.create_table(
        "trigger_firings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.Uuid(), nullable=False),
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("cause", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        _of_trigger("trigger_firings"),
        sa.PrimaryKeyConstraint("id", name="pk_trigger_firings"),
    )
    op.create_index("ix_trigger_firings_run_id", "trigger_firings", ["run_id"])
    op.create_index("ix_trigger_firings_series_id", "trigger_firings", ["series", "id"])


def _of_trigger(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["trigger_id"], ["triggers.id"], name=f"fk_{table}_trigger_id")
