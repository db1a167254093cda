"""What is stored, for how long, and pushed; what each instance is to send."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, String, Table, Text

from ponteio.storage.column_types import ForeignText, UtcDateTime
from ponteio.storage.tables import metadata, organizations

# What an organization chose for the events that a pattern fits; what no pattern fits is stored and pushed.
event_policies = Table(
    "event_policies",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    # A name, `family.*` or `*`.
    Column("pattern", String, primary_key=True),
    Column("store", Boolean, nullable=False),
    # Null: as long as the deployment says.
    Column("keep_days", BigInteger),
    Column("push", Boolean, nullable=False),
    CheckConstraint("keep_days >= 1", name="keep_days"),
)

# How far the removal of old events has come, for each of an organization's periods.
retention_marks = Table(
    "retention_marks",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("keep_days", BigInteger, primary_key=True, autoincrement=False),
    # The choices that the mark was made under; under others it says nothing.
    Column("rules", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    CheckConstraint("seq >= 0", name="seq"),
)

# Which events an instance is to send on its own namespace: Evolution's setting names, with spaces between. What
# Evolution itself said is a JSON array.
instance_events = Table(
    "instance_events",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    # No foreign key: another life of the same name gets another id, and inherits nothing.
    Column("instance_id", String, primary_key=True),
    Column("server_id", String, nullable=False),
    # Null for a list of its own.
    Column("preset", String),
    Column("events", Text, nullable=False),
    Column("keep", Boolean, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    # What Evolution answered when the choice was last applied.
    Column("accepted", ForeignText),
    Column("applied_at", UtcDateTime),
    # What Evolution had when it was last seen to change; events null: never set there.
    Column("found_enabled", Boolean),
    Column("found_events", ForeignText),
    Column("found_at", UtcDateTime),
    Column("drift_since", UtcDateTime),
    Column("mends", BigInteger, nullable=False),
    Column("mends_since", UtcDateTime),
    CheckConstraint("mends >= 0", name="mends"),
    Index(None, "server_id"),
)

# One choice that is being applied to many instances.
event_runs = Table(
    "event_runs",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("run_id", String, primary_key=True),
    Column("preset", String),
    Column("events", Text, nullable=False),
    Column("keep", Boolean, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    CheckConstraint("state IN ('running', 'done', 'cancelled')", name="state"),
    Index(None, "state"),
)

event_run_items = Table(
    "event_run_items",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("run_id", String, primary_key=True),
    Column("instance_id", String, primary_key=True),
    Column("server_id", String, nullable=False),
    Column("name", ForeignText, nullable=False),
    Column("state", String, nullable=False),
    Column("code", String),
    Column("detail", ForeignText),
    Column("finished_at", UtcDateTime),
    CheckConstraint("state IN ('pending', 'applied', 'unchanged', 'failed', 'cancelled')", name="state"),
)
