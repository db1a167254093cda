"""The life of links, and metrics over time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ponteio.storage.column_types import ForeignText, UtcDateTime

revision = "v0006"
down_revision = "v0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _link_journal()
    _metric_rollups()


def _link_journal() -> None:
    op.create_table(
        "link_journal",
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("server_id", sa.String(), nullable=True),
        sa.Column("instance", ForeignText(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("reason", ForeignText(), nullable=True),
        sa.Column("detail", ForeignText(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=True),
        sa.Column("reconnects", sa.BigInteger(), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("gap_id", sa.BigInteger(), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("count >= 1", name=op.f("ck_link_journal_count")),
        sa.PrimaryKeyConstraint("entry_id", name="pk_link_journal"),
    )
    op.create_index("ix_link_journal_organization_id_entry_id", "link_journal", ["organization_id", "entry_id"])
    name = "ix_link_journal_server_id_instance_entry_id"
    op.create_index(name, "link_journal", ["server_id", "instance", "entry_id"])
    op.create_index("ix_link_journal_last_at", "link_journal", ["last_at"])


def _metric_rollups() -> None:
    op.create_table(
        "metric_rollups",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("step_s", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at_s", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("process_id", sa.String(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "step_s", "at_s", "process_id", name="pk_metric_rollups"),
    )
    op.create_index("ix_metric_rollups_step_s_at_s", "metric_rollups", ["step_s", "at_s"])
