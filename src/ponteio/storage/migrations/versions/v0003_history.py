"""How history is searched and counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from ponteio.storage.column_types import ForeignText

revision = "v0003"
down_revision = "v0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _counts()
    _terms()


def _counts() -> None:
    op.create_table(
        "counted_logs",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_counted_logs"),
    )
    op.create_table(
        "event_minutes",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("low_seq", sa.BigInteger(), nullable=False),
        sa.Column("high_seq", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "minute", name="pk_event_minutes"),
    )
    for unit in ("hour", "day"):
        op.create_table(
            f"event_{unit}s",
            sa.Column("organization_id", sa.String(), nullable=False),
            sa.Column(unit, sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("instance", ForeignText(), nullable=False),
            sa.Column("event", ForeignText(), nullable=False),
            sa.Column("origin", sa.String(), nullable=False),
            sa.Column("count", sa.BigInteger(), nullable=False),
            sa.Column("bytes", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint("organization_id", unit, "instance", "event", "origin", name=f"pk_event_{unit}s"),
        )
    op.create_table(
        "counted_instances",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("instance", ForeignText(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "instance", name="pk_counted_instances"),
    )


def _terms() -> None:
    op.create_table(
        "indexed_logs",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_indexed_logs"),
    )
    op.create_table(
        "event_terms",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("terms", TSVECTOR().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "seq", name="pk_event_terms"),
    )
    op.create_index("ix_event_terms_terms", "event_terms", ["terms"], postgresql_using="gin")
