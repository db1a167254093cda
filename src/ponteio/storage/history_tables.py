"""How history is searched and counted. All of it follows from the events, but the counts outlive them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text
from sqlalchemy.dialects.postgresql import TSVECTOR

from ponteio.storage.column_types import ForeignText
from ponteio.storage.tables import metadata

# How far the events of each log are counted in the four tables below.
counted_logs = Table(
    "counted_logs",
    metadata,
    Column("organization_id", String, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

# Where the minutes begin and end in the log, by `received_at`. What was received in a minute or later has no number
# below its `low_seq`, and what was received in it or earlier none above its `high_seq`.
event_minutes = Table(
    "event_minutes",
    metadata,
    Column("organization_id", String, primary_key=True),
    # Whole minutes since 1970.
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("low_seq", BigInteger, nullable=False),
    Column("high_seq", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
)


def _counts(name: str, unit: str) -> Table:
    """Events by name in each `unit`, numbered from 1970."""
    return Table(
        name,
        metadata,
        Column("organization_id", String, primary_key=True),
        Column(unit, BigInteger, primary_key=True, autoincrement=False),
        Column("instance", ForeignText, primary_key=True),
        Column("event", ForeignText, primary_key=True),
        Column("origin", String, primary_key=True),
        Column("count", BigInteger, nullable=False),
        # Of `data` and `extra`.
        Column("bytes", BigInteger, nullable=False),
    )


event_hours = _counts("event_hours", "hour")
event_days = _counts("event_days", "day")

# Every instance that an event was counted of.
counted_instances = Table(
    "counted_instances",
    metadata,
    Column("organization_id", String, primary_key=True),
    Column("instance", ForeignText, primary_key=True),
)

# How far each log is in `event_terms`. On SQLite both are empty: there the index is a file of its own.
indexed_logs = Table(
    "indexed_logs",
    metadata,
    Column("organization_id", String, primary_key=True),
    Column("epoch", String, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

# The terms of each event as hashes of eight hexadecimal digits.
event_terms = Table(
    "event_terms",
    metadata,
    Column("organization_id", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("terms", TSVECTOR().with_variant(Text(), "sqlite"), nullable=False),
    Index(None, "terms", postgresql_using="gin"),
)
