"""The tables, the same on SQLite and PostgreSQL. Migrations build them; a test proves that both agree."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from ponteio.storage.column_types import ForeignText, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column of type INTEGER.
_row_number = BigInteger().with_variant(Integer(), "sqlite")

servers = Table(
    "servers",
    metadata,
    Column("server_id", String, primary_key=True),
    Column("url", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # When its gateway was last known to listen; null after an orderly end.
    Column("alive_at", UtcDateTime),
    Column("label", ForeignText, nullable=False, server_default=text("''")),
    Column("global_events", Boolean, nullable=False, server_default=false()),
    Column("allow_private", Boolean, nullable=False, server_default=false()),
    Column("is_from_environment", Boolean, nullable=False, server_default=false()),
    # Sealed by the vault; null for the server of the environment.
    Column("sealed_key", Text),
    Column("key_last4", ForeignText),
    Column("removed_at", UtcDateTime),
)

organizations = Table(
    "organizations",
    metadata,
    Column("organization_id", String, primary_key=True),
    Column("name", String, nullable=False),
    # The name without case: what must be unique.
    Column("name_key", String, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
)

# What the operator set for one organization; what has no row here has the deployment's default.
organization_limits = Table(
    "organization_limits",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
    CheckConstraint("value >= 0", name="value"),
)

event_logs = Table(
    "event_logs",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("epoch", String, nullable=False),
    Column("head", BigInteger, nullable=False),
    # Up to here events were removed for their age: who stands below it has missed some.
    Column("floor", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("length(epoch) = 8", name="epoch"),
    CheckConstraint("head >= 0", name="head"),
)

instances = Table(
    "instances",
    metadata,
    Column("instance_id", String, primary_key=True),
    Column("server_id", ForeignKey(servers.c.server_id), nullable=False),
    Column("name", ForeignText, nullable=False),
    Column("organization_id", ForeignKey(organizations.c.organization_id)),
    Column("upstream_id", ForeignText),
    Column("integration", ForeignText),
    Column("state", String, nullable=False),
    Column("state_at", UtcDateTime),
    Column("reason", BigInteger),
    Column("removed_at", UtcDateTime),
    UniqueConstraint("server_id", "name"),
    CheckConstraint("state IN ('open', 'connecting', 'close', 'refused', 'unknown')", name="state"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", ForeignText, primary_key=True),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    # NULL: the operator's key.
    Column("organization_id", ForeignKey(organizations.c.organization_id)),
    Column("label", ForeignText, nullable=False),
    Column("prefix", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    # Space-separated `KeyScope`s; nothing for the operator's, which has no scopes.
    Column("scopes", String, nullable=False, server_default="admin"),
    # JSON arrays of names and patterns; null for all.
    Column("instances", ForeignText),
    Column("events", ForeignText),
    Column("metadata_only", Boolean, nullable=False, server_default=false()),
    Column("expires_at", UtcDateTime),
    Column("created_by", String),
    Column("live_per_minute", BigInteger),
    CheckConstraint("length(key_hash) = 32", name="key_hash"),
)

users = Table(
    "users",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("email", ForeignText, nullable=False),
    # The address without case: what must be unique.
    Column("email_key", ForeignText, nullable=False, unique=True),
    Column("name", ForeignText, nullable=False),
    # Argon2id, in the PHC string format.
    Column("password_hash", String, nullable=False),
    Column("is_operator", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
)

memberships = Table(
    "memberships",
    metadata,
    Column("user_id", ForeignKey(users.c.user_id), primary_key=True),
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("role", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("role IN ('admin', 'agent', 'viewer')", name="role"),
    Index(None, "organization_id"),
)

user_sessions = Table(
    "user_sessions",
    metadata,
    Column("session_id", String, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("user_id", ForeignKey(users.c.user_id), nullable=False),
    # The organization that is acted for; null: none, or the operator's own work.
    Column("organization_id", ForeignKey(organizations.c.organization_id)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("address", ForeignText),
    Column("agent", ForeignText),
    CheckConstraint("length(token_hash) = 32", name="token_hash"),
    Index(None, "user_id"),
)

# One-time links: an invitation, or a new password for a known account (`user_id`).
invitations = Table(
    "invitations",
    metadata,
    Column("invitation_id", String, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    # Null: an operator's invitation, or a new password.
    Column("organization_id", ForeignKey(organizations.c.organization_id)),
    Column("role", String),
    Column("email", ForeignText),
    Column("user_id", ForeignKey(users.c.user_id)),
    Column("created_by", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    CheckConstraint("length(token_hash) = 32", name="token_hash"),
    CheckConstraint("role IN ('operator', 'admin', 'agent', 'viewer')", name="role"),
    Index(None, "organization_id"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("ticket_id", String, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("key_id", ForeignKey(api_keys.c.key_id), nullable=False),
    Column("organization_id", ForeignKey(organizations.c.organization_id), nullable=False),
    Column("instances", ForeignText),
    Column("events", ForeignText),
    Column("content", Boolean, nullable=False),
    Column("pairing", Boolean, nullable=False),
    Column("user_label", ForeignText),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    CheckConstraint("length(token_hash) = 32", name="token_hash"),
    Index(None, "expires_at"),
)

# Who may sign tokens (JWT) for an organization: a shared secret, sealed, or a set of public keys (RFC 7517).
token_signers = Table(
    "token_signers",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    # Changes with every change: tokens and sockets of the former signer end.
    Column("signer_id", String, nullable=False, unique=True),
    Column("sealed_secret", Text),
    Column("jwks", Text),
    Column("issuer", ForeignText, nullable=False),
    Column("audience", ForeignText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("audit_id", _row_number, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    # Null: the deployment's own, for the operator.
    Column("organization_id", String),
    Column("actor_kind", String, nullable=False),
    Column("actor_id", String),
    Column("actor_label", ForeignText),
    Column("address", ForeignText),
    Column("action", String, nullable=False),
    Column("target", ForeignText),
    # A small JSON object without secrets.
    Column("detail", ForeignText),
    Index(None, "organization_id", "audit_id"),
)

link_intents = Table(
    "link_intents",
    metadata,
    Column("server_id", String, primary_key=True),
    Column("namespace", ForeignText, primary_key=True),
    Column("wanted", Boolean, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("organization_id", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("instance", ForeignText, nullable=False),
    Column("event", ForeignText, nullable=False),
    Column("sender", ForeignText),
    Column("date_time", ForeignText),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("origin", String, nullable=False),
    # Bytes in `data` and `extra`: SQLite would have to read the whole text to count them.
    Column("size", BigInteger, nullable=False),
    Column("extra", Text),
    # Last, so that SQLite reaches the other columns without walking through a large one.
    Column("data", Text, nullable=False),
    CheckConstraint("seq >= 1", name="seq"),
    CheckConstraint("origin IN ('live', 'backfill')", name="origin"),
    CheckConstraint("size >= 0", name="size"),
    Index(None, "organization_id", "instance", "seq"),
)

# Apart from the events: it must survive their retention and their instance's change of owner, and stay small.
event_fingerprints = Table(
    "event_fingerprints",
    metadata,
    # In the order of arrival: what is forgotten first comes first, without an index on the time.
    Column("fingerprint_id", _row_number, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    # Whole seconds since 1970: one row for every event, so each byte counts.
    Column("seen_s", BigInteger, nullable=False),
    CheckConstraint("length(fingerprint) = 32", name="fingerprint"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", _row_number, primary_key=True),
    Column("fingerprint", LargeBinary, unique=True),
    Column("outcome", String, nullable=False),
    Column("server_id", String, nullable=False),
    Column("namespace", ForeignText, nullable=False),
    Column("instance", ForeignText),
    Column("event", ForeignText),
    Column("received_at", UtcDateTime, nullable=False),
    Column("detail", ForeignText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("excerpt", ForeignText, nullable=False),
)

gaps = Table(
    "gaps",
    metadata,
    Column("gap_id", _row_number, primary_key=True),
    Column("server_id", String, nullable=False),
    Column("namespace", ForeignText, nullable=False),
    Column("kind", String, nullable=False),
    Column("from_at", UtcDateTime, nullable=False),
    Column("to_at", UtcDateTime),
    Column("detail", ForeignText),
    Index(None, "server_id", "gap_id"),
)

# One row: a counter that every transaction on the tenancy tables raises, so that other processes notice.
directory_version = Table(
    "directory_version",
    metadata,
    Column("row_id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("row_id = 1", name="row_id"),
)
