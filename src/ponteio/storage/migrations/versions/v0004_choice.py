"""What is stored, for how long, and pushed; what each instance is to send."""

from __future__ import annotations

revision = "v0004"
down_revision = "v0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
