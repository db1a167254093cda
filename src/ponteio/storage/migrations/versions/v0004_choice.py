"""What is stored, for how long, and pushed; what each instance is to send."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ponteio.storage.column_types import ForeignText, UtcDateTime

revision = "v0004"
down_revision = "v0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _event_policies()
    _retention()
    _instance_events()
    _event_runs()


def _event_policies() -> None:
    op.create_table(
        "event_policies",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("store", sa.Boolean(), nullable=False),
        sa.Column("keep_days", sa.BigInteger(), nullable=True),
        sa.Column("push", sa.Boolean(), nullable=False),
        sa.CheckConstraint("keep_days >= 1", name=op.f("ck_event_policies_keep_days")),
        _of_organization("event_policies"),
        sa.PrimaryKeyConstraint("organization_id", "pattern", name="pk_event_policies"),
    )


def _retention() -> None:
    op.add_column("event_logs", sa.Column("floor", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "retention_marks",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("keep_days", sa.BigInteger(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("seq >= 0", name=op.f("ck_retention_marks_seq")),
        _of_organization("retention_marks"),
        sa.PrimaryKeyConstraint("organization_id", "keep_days", name="pk_retention_marks"),
    )


def _instance_events() -> None:
    op.create_table(
        "instance_events",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("instance_id", sa.String(), nullable=False),
        sa.Column("server_id", sa.String(), nullable=False),
        sa.Column("preset", sa.String(), nullable=True),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("keep", sa.Boolean(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("accepted", ForeignText(), nullable=True),
        sa.Column("applied_at", UtcDateTime(), nullable=True),
        sa.Column("found_enabled", sa.Boolean(), nullable=True),
        sa.Column("found_events", ForeignText(), nullable=True),
        sa.Column("found_at", UtcDateTime(), nullable=True),
        sa.Column("drift_since", UtcDateTime(), nullable=True),
        sa.Column("mends", sa.BigInteger(), nullable=False),
        sa.Column("mends_since", UtcDateTime(), nullable=True),
        sa.CheckConstraint("mends >= 0", name=op.f("ck_instance_events_mends")),
        _of_organization("instance_events"),
        sa.PrimaryKeyConstraint("organization_id", "instance_id", name="pk_instance_events"),
    )
    op.create_index("ix_instance_events_server_id", "instance_events", ["server_id"])


def _event_runs() -> None:
    states = "state IN ('running', 'done', 'cancelled')"
    op.create_table(
        "event_runs",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("preset", sa.String(), nullable=True),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("keep", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(states, name=op.f("ck_event_runs_state")),
        _of_organization("event_runs"),
        sa.PrimaryKeyConstraint("organization_id", "run_id", name="pk_event_runs"),
    )
    op.create_index("ix_event_runs_state", "event_runs", ["state"])
    states = "state IN ('pending', 'applied', 'unchanged', 'failed', 'cancelled')"
    op.create_table(
        "event_run_items",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("instance_id", sa.String(), nullable=False),
        sa.Column("server_id", sa.String(), nullable=False),
        sa.Column("name", ForeignText(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("detail", ForeignText(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(states, name=op.f("ck_event_run_items_state")),
        _of_organization("event_run_items"),
        sa.PrimaryKeyConstraint("organization_id", "run_id", "instance_id", name="pk_event_run_items"),
    )


def _of_organization(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_organization_id_organizations"
    return sa.ForeignKeyConstraint(["organization_id"], ["organizations.organization_id"], name=name)
