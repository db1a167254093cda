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
        ["organization_id", "created_at"],
        ["organization_id", "channel_id", "created_at"],
    ):
        op.create_index("_".join(["ix_deliveries", *columns]), "deliveries", columns)


def _of_organization(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_organization_id_organizations"
    return sa.ForeignKeyConstraint(["organization_id"], ["organizations.organization_id"], name=name)
