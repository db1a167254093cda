"""What is stored, for how long, and pushed; what each instance is to send."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, String, Table, Text

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
