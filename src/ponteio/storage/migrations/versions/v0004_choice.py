"""What is stored, for how long, and pushed; what each instance is to send."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0004"
down_revision = "v0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _event_policies()
    _retention()


def _event_policies() -> None:
    op.create_table(
        "event_policies",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("store", sa.Boolean(), nullable=False),
        sa.Column("keep_days", sa.BigInteger(), nullable=True),
        sa.Column("push", sa.Boolean(), nullable=False),
        sa.CheckConstraint("keep_days >= 1", name=op.f("ck_event_policies_keep_days")),
        _of_organization("event_policies"),
        sa.PrimaryKeyConstraint("organization_id", "pattern", name="pk_event_policies"),
    )


def _retention() -> None:
    op.add_column("event_logs", sa.Column("floor", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "retention_marks",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("keep_days", sa.BigInteger(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("seq >= 0", name=op.f("ck_retention_marks_seq")),
        _of_organization("retention_marks"),
        sa.PrimaryKeyConstraint("organization_id", "keep_days", name="pk_retention_marks"),
    )


def _of_organization(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_organization_id_organizations"
    return sa.ForeignKeyConstraint(["organization_id"], ["organizations.organization_id"], name=name)
