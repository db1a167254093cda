"""The life of links, and metrics over time."""

from __future__ import annotations

revision = "v0006"
down_revision = "v0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
