"""Alert rules, incidents, channels, and where browsers are pushed to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ponteio.storage.column_types import ForeignText, UtcDateTime

revision = "v0005"
down_revision = "v0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _push()
    _channels()
    _deliveries()
    _alert_rules()
    _incidents()
    _quiet_hours()
    _watch()


def _push() -> None:
    op.create_table(
        "vapid_keys",
        sa.Column("row_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("sealed_private_key", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("row_id = 1", name=op.f("ck_vapid_keys_row_id")),
        sa.PrimaryKeyConstraint("row_id", name="pk_vapid_keys"),
    )
    op.create_table(
        "push_subscriptions",
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("endpoint_hash", sa.LargeBinary(), nullable=False),
        sa.Column("host", ForeignText(), nullable=False),
        sa.Column("sealed_subscription", sa.Text(), nullable=False),
        sa.Column("label", ForeignText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.CheckConstraint("length(endpoint_hash) = 32", name=op.f("ck_push_subscriptions_endpoint_hash")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_push_subscriptions_user_id_users"),
        sa.PrimaryKeyConstraint("subscription_id", name="pk_push_subscriptions"),
        sa.UniqueConstraint("endpoint_hash", name="uq_push_subscriptions_endpoint_hash"),
    )
    op.create_index("ix_push_subscriptions_user_id", "push_subscriptions", ["user_id"])


def _channels() -> None:
    op.create_table(
        "channels",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", ForeignText(), nullable=False),
        sa.Column("address", ForeignText(), nullable=False),
        sa.Column("user_ids", sa.Text(), nullable=True),
        sa.Column("header_name", ForeignText(), nullable=True),
        sa.Column("sealed_settings", sa.Text(), nullable=True),
        sa.Column("old_secret_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.Column("disabled_reason", sa.String(), nullable=True),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("kind IN ('web_push', 'webhook', 'apprise')", name=op.f("ck_channels_kind")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_channels_failures")),
        sa.CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name=op.f("ck_channels_disabled")),
        _of_organization("channels"),
        sa.PrimaryKeyConstraint("organization_id", "channel_id", name="pk_channels"),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=True),
        sa.Column("lane", ForeignText(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("tried_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("detail", ForeignText(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("message", ForeignText(), nullable=False),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_deliveries_attempts")),
        _of_organization("deliveries"),
        sa.PrimaryKeyConstraint("organization_id", "delivery_id", name="pk_deliveries"),
    )
    for columns in (
        ["finished_at", "due_at"],
        ["organization_id", "finished_at"],
        ["organization_id", "subscription_id", "created_at"],
        ["organization_id", "channel_id", "created_at"],
    ):
        op.create_index("_".join(["ix_deliveries", *columns]), "deliveries", columns)


def _alert_rules() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("terms", ForeignText(), nullable=False),
        sa.Column("maker_id", sa.String(), nullable=False),
        sa.Column("maker_is_key", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        _of_organization("alert_rules"),
        sa.PrimaryKeyConstraint("organization_id", "rule_id", name="pk_alert_rules"),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("rule_name", ForeignText(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("subject_kind", sa.String(), nullable=False),
        sa.Column("subject", ForeignText(), nullable=False),
        sa.Column("since_at", UtcDateTime(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("instances", ForeignText(), nullable=False),
        sa.Column("instance_count", sa.BigInteger(), nullable=False),
        sa.Column("event_count", sa.BigInteger(), nullable=False),
        sa.Column("flaps", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_by", ForeignText(), nullable=True),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("resolved_by", ForeignText(), nullable=True),
        sa.Column("is_dismissed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "subject_kind IN ('instance', 'server', 'limit', 'events')", name=op.f("ck_incidents_subject_kind")
        ),
        sa.CheckConstraint("flaps >= 0", name=op.f("ck_incidents_flaps")),
        _of_organization("incidents"),
        sa.PrimaryKeyConstraint("organization_id", "incident_id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_resolved_at", "incidents", ["resolved_at"])
    op.create_index("ix_incidents_organization_id_resolved_at", "incidents", ["organization_id", "resolved_at"])
    op.create_table(
        "incident_entries",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("entry_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor", ForeignText(), nullable=True),
        sa.Column("detail", ForeignText(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "incident_id", "entry_no", name="pk_incident_entries"),
    )


def _quiet_hours() -> None:
    op.create_table(
        "held_notices",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("held_at", UtcDateTime(), nullable=False),
        _of_organization("held_notices"),
        sa.PrimaryKeyConstraint("organization_id", "channel_id", "incident_id", name="pk_held_notices"),
    )
    op.create_table(
        "channel_quiet_hours",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("quiet", ForeignText(), nullable=False),
        _of_organization("channel_quiet_hours"),
        sa.PrimaryKeyConstraint("organization_id", "channel_id", name="pk_channel_quiet_hours"),
    )


def _watch() -> None:
    op.create_table(
        "talk_hours",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("instance", ForeignText(), nullable=False),
        sa.Column("day_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hours", sa.BigInteger(), nullable=False),
        _of_organization("talk_hours"),
        sa.PrimaryKeyConstraint("organization_id", "instance", "day_no", name="pk_talk_hours"),
    )
    op.create_index("ix_talk_hours_day_no", "talk_hours", ["day_no"])
    op.create_table(
        "process_leases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_process_leases"),
    )


def _of_organization(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_organization_id_organizations"
    return sa.ForeignKeyConstraint(["organization_id"], ["organizations.organization_id"], name=name)
