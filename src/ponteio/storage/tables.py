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
)

organizations = Table(
    "organizations",
    metadata,
    Column("organization_id", String, primary_key=True),
    Column("name", String, nullable=False),
    # The name without case: what must be unique.
    Column("name_key", String, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

event_logs = Table(
    "event_logs",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("epoch", String, nullable=False),
    Column("head", BigInteger, nullable=False),
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
    CheckConstraint("length(key_hash) = 32", name="key_hash"),
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
