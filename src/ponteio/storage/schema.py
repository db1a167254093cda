"""All tables together, for whoever compares or makes the whole schema."""

from __future__ import annotations

from ponteio.storage import choice_tables, history_tables, journal_tables, notify_tables
from ponteio.storage.tables import metadata

TABLES = (choice_tables, history_tables, journal_tables, notify_tables)
"""The files that add to `metadata` when they are imported."""

__all__ = ["TABLES", "metadata"]
