"""People, scoped keys, tickets, signers, limits, servers with sealed keys, and who did what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ponteio.storage.column_types import ForeignText, UtcDateTime

revision = "v0002"
down_revision = "v0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _servers()
    _organizations()
    _api_keys()
    _people()
    _invitations()
    _tickets()
    _audit_log()


def _servers() -> None:
    op.add_column("servers", sa.Column("label", ForeignText(), nullable=False, server_default=sa.text("''")))
    for name in ("global_events", "allow_private", "is_from_environment"):
        op.add_column("servers", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("servers", sa.Column("sealed_key", sa.Text(), nullable=True))
    op.add_column("servers", sa.Column("key_last4", ForeignText(), nullable=True))
    op.add_column("servers", sa.Column("removed_at", UtcDateTime(), nullable=True))


def _organizations() -> None:
    op.add_column("organizations", sa.Column("disabled_at", UtcDateTime(), nullable=True))
    op.create_table(
        "organization_limits",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("value >= 0", name=op.f("ck_organization_limits_value")),
        _reference("organization_limits", "organization_id", "organizations"),
        sa.PrimaryKeyConstraint("organization_id", "name", name="pk_organization_limits"),
    )


def _api_keys() -> None:
    op.add_column("api_keys", sa.Column("scopes", sa.String(), nullable=False, server_default="admin"))
    op.add_column("api_keys", sa.Column("instances", ForeignText(), nullable=True))
    op.add_column("api_keys", sa.Column("events", ForeignText(), nullable=True))
    op.add_column("api_keys", sa.Column("metadata_only", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("api_keys", sa.Column("expires_at", UtcDateTime(), nullable=True))
    op.add_column("api_keys", sa.Column("created_by", sa.String(), nullable=True))
    op.add_column("api_keys", sa.Column("live_per_minute", sa.BigInteger(), nullable=True))


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("email", ForeignText(), nullable=False),
        sa.Column("email_key", ForeignText(), nullable=False),
        sa.Column("name", ForeignText(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("is_operator", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
    )
    op.create_table(
        "memberships",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'agent', 'viewer')", name=op.f("ck_memberships_role")),
        _reference("memberships", "user_id", "users"),
        _reference("memberships", "organization_id", "organizations"),
        sa.PrimaryKeyConstraint("user_id", "organization_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_organization_id", "memberships", ["organization_id"])
    op.create_table(
        "user_sessions",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("address", ForeignText(), nullable=True),
        sa.Column("agent", ForeignText(), nullable=True),
        _token_hash("user_sessions"),
        _reference("user_sessions", "user_id", "users"),
        _reference("user_sessions", "organization_id", "organizations"),
        sa.PrimaryKeyConstraint("session_id", name="pk_user_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_user_sessions_token_hash"),
    )
    op.create_index("ix_user_sessions_user_id", "user_sessions", ["user_id"])


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("email", ForeignText(), nullable=True),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        _token_hash("invitations"),
        sa.CheckConstraint("role IN ('operator', 'admin', 'agent', 'viewer')", name=op.f("ck_invitations_role")),
        _reference("invitations", "organization_id", "organizations"),
        _reference("invitations", "user_id", "users"),
        sa.PrimaryKeyConstraint("invitation_id", name="pk_invitations"),
        sa.UniqueConstraint("token_hash", name="uq_invitations_token_hash"),
    )
    op.create_index("ix_invitations_organization_id", "invitations", ["organization_id"])


def _tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("ticket_id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", ForeignText(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("instances", ForeignText(), nullable=True),
        sa.Column("events", ForeignText(), nullable=True),
        sa.Column("content", sa.Boolean(), nullable=False),
        sa.Column("pairing", sa.Boolean(), nullable=False),
        sa.Column("user_label", ForeignText(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        _token_hash("tickets"),
        _reference("tickets", "key_id", "api_keys"),
        _reference("tickets", "organization_id", "organizations"),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_tickets"),
        sa.UniqueConstraint("token_hash", name="uq_tickets_token_hash"),
    )
    op.create_index("ix_tickets_expires_at", "tickets", ["expires_at"])
    op.create_table(
        "token_signers",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("signer_id", sa.String(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=True),
        sa.Column("jwks", sa.Text(), nullable=True),
        sa.Column("issuer", ForeignText(), nullable=False),
        sa.Column("audience", ForeignText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        _reference("token_signers", "organization_id", "organizations"),
        sa.PrimaryKeyConstraint("organization_id", name="pk_token_signers"),
        sa.UniqueConstraint("signer_id", name="uq_token_signers_signer_id"),
    )


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("audit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=True),
        sa.Column("actor_label", ForeignText(), nullable=True),
        sa.Column("address", ForeignText(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", ForeignText(), nullable=True),
        sa.Column("detail", ForeignText(), nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_organization_id_audit_id", "audit_log", ["organization_id", "audit_id"])


def _reference(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    key = {"api_keys": "key_id", "users": "user_id", "organizations": "organization_id"}[other]
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=f"fk_{table}_{column}_{other}")


def _token_hash(table: str) -> sa.CheckConstraint:
    return sa.CheckConstraint("length(token_hash) = 32", name=op.f(f"ck_{table}_token_hash"))
