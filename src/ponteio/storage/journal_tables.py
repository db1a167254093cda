"""The life of links, and metrics over time."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Float, Index, Integer, String, Table, Text

from ponteio.storage.column_types import ForeignText, UtcDateTime
from ponteio.storage.tables import metadata

# SQLite numbers rows by itself only in a column of type INTEGER.
_row_number = BigInteger().with_variant(Integer(), "sqlite")

# What happened to links and instances, in the order in which it was written down.
link_journal = Table(
    "link_journal",
    metadata,
    Column("entry_id", _row_number, primary_key=True),
    # Whose instance it was then; null: nobody's, or everybody's of that server.
    Column("organization_id", String),
    # Null where no server is meant, such as a limit of the organization.
    Column("server_id", String),
    # Null: the server's global link, or nothing of an instance.
    Column("instance", ForeignText),
    Column("kind", String, nullable=False),
    # Where the link or the instance stood from then on.
    Column("state", String),
    Column("reason", ForeignText),
    Column("detail", ForeignText),
    Column("attempts", BigInteger),
    Column("reconnects", BigInteger),
    # How long what ended had lasted.
    Column("duration_s", Float),
    Column("gap_id", BigInteger),
    # The same again raises the count of the row that is there.
    Column("count", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    CheckConstraint("count >= 1", name="count"),
    Index(None, "organization_id", "entry_id"),
    Index(None, "server_id", "instance", "entry_id"),
    Index(None, "last_at"),
)

# What happened in one minute or hour, as one process saw it: small JSON of counts and histograms (observe/figures.py).
metric_rollups = Table(
    "metric_rollups",
    metadata,
    # Empty: the whole deployment's.
    Column("organization_id", String, primary_key=True),
    # 60 or 3600 seconds from `at_s`, which counts from 1970.
    Column("step_s", Integer, primary_key=True, autoincrement=False),
    Column("at_s", BigInteger, primary_key=True, autoincrement=False),
    # Who wrote it: rows of several processes add up, and one written again replaces itself.
    Column("process_id", String, primary_key=True),
    Column("figures", Text, nullable=False),
    Index(None, "step_s", "at_s"),
)
