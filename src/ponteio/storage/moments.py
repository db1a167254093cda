"""How SQLite spells moments."""

from __future__ import annotations

from datetime import UTC, datetime


def sortable_utc(moment: datetime) -> str:
    """ISO 8601 text in UTC with microseconds, whose alphabetical order is the order in time.

    Raises ValueError for a moment without a time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
