"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ponteio.storage.column_types import ForeignText, UtcDateTime

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _tenants()
    _instances()
    _api_keys()
    _links()
    _events()
    _quarantine()
    _version()


def _tenants() -> None:
    op.create_table(
        "servers",
        sa.Column("server_id", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("alive_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("server_id", name="pk_servers"),
    )
    op.create_table(
        "organizations",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_organizations"),
        sa.UniqueConstraint("name_key", name="uq_organizations_name_key"),
    )
    op.create_table(
        "event_logs",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(epoch) = 8", name=op.f("ck_event_logs_epoch")),
        sa.CheckConstraint("head >= 0", name=op.f("ck_event_logs_head")),
        _organization("event_logs"),
        sa.PrimaryKeyConstraint("organization_id", name="pk_event_logs"),
    )


def _instances() -> None:
    op.create_table(
        "instances",
        sa.Column("instance_id", sa.String(), nullable=False),
        sa.Column("server_id", sa.String(), nullable=False),
        sa.Column("name", ForeignText(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("upstream_id", ForeignText(), nullable=True),
        sa.Column("integration", ForeignText(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'connecting', 'close', 'refused', 'unknown')", name=op.f("ck_instances_state")
        ),
        _organization("instances"),
        sa.ForeignKeyConstraint(["server_id"], ["servers.server_id"], name="fk_instances_server_id_servers"),
        sa.PrimaryKeyConstraint("instance_id", name="pk_instances"),
        sa.UniqueConstraint("server_id", "name", name="uq_instances_server_id_name"),
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", ForeignText(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("label", ForeignText(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("length(key_hash) = 32", name=op.f("ck_api_keys_key_hash")),
        _organization("api_keys"),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )


def _links() -> None:
    op.create_table(
        "link_intents",
        sa.Column("server_id", sa.String(), nullable=False),
        sa.Column("namespace", ForeignText(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("server_id", "namespace", name="pk_link_intents"),
    )
    op.create_table(
        "gaps",
        sa.Column("gap_id", _row_number(), nullable=False),
        sa.Column("server_id", sa.String(), nullable=False),
        sa.Column("namespace", ForeignText(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("from_at", UtcDateTime(), nullable=False),
        sa.Column("to_at", UtcDateTime(), nullable=True),
        sa.Column("detail", ForeignText(), nullable=True),
        sa.PrimaryKeyConstraint("gap_id", name="pk_gaps"),
    )
    op.create_index("ix_gaps_server_id_gap_id", "gaps", ["server_id", "gap_id"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance", ForeignText(), nullable=False),
        sa.Column("event", ForeignText(), nullable=False),
        sa.Column("sender", ForeignText(), nullable=True),
        sa.Column("date_time", ForeignText(), nullable=True),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("extra", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_events_seq")),
        sa.CheckConstraint("origin IN ('live', 'backfill')", name=op.f("ck_events_origin")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_events_size")),
        sa.PrimaryKeyConstraint("organization_id", "seq", name="pk_events"),
    )
    op.create_index("ix_events_organization_id_instance_seq", "events", ["organization_id", "instance", "seq"])
    op.create_table(
        "event_fingerprints",
        sa.Column("fingerprint_id", _row_number(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("seen_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(fingerprint) = 32", name=op.f("ck_event_fingerprints_fingerprint")),
        sa.PrimaryKeyConstraint("fingerprint_id", name="pk_event_fingerprints"),
        sa.UniqueConstraint("fingerprint", name="uq_event_fingerprints_fingerprint"),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", _row_number(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("server_id", sa.String(), nullable=False),
        sa.Column("namespace", ForeignText(), nullable=False),
        sa.Column("instance", ForeignText(), nullable=True),
        sa.Column("event", ForeignText(), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("detail", ForeignText(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("excerpt", ForeignText(), nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name="pk_quarantine"),
        sa.UniqueConstraint("fingerprint", name="uq_quarantine_fingerprint"),
    )


def _version() -> None:
    version = op.create_table(
        "directory_version",
        sa.Column("row_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("row_id = 1", name=op.f("ck_directory_version_row_id")),
        sa.PrimaryKeyConstraint("row_id", name="pk_directory_version"),
    )
    op.bulk_insert(version, [{"row_id": 1, "version": 0}])


def _organization(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"], ["organizations.organization_id"], name=f"fk_{table}_organization_id_organizations"
    )


def _row_number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
