"""Alert rules, incidents, channels, and where browsers are pushed to."""

from __future__ import annotations

revision = "v0005"
down_revision = "v0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
