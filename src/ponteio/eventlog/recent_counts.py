"""How many events of each name the newest part of a log has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.identity import OrganizationScope
from ponteio.storage.tables import event_logs, events

COUNTED = 100_000
"""Numbers that are looked at: what one question may cost."""


@dataclass(frozen=True, slots=True)
class EventCount:
    """Events of one name that are in the log, and the bytes of their data."""

    event: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RecentCounts:
    """`counts` by name, the most frequent first, of what was received from `since` on. `is_complete` is False when
    there was more than is counted: then `since` is later than was asked for.
    """

    counts: tuple[EventCount, ...]
    since: datetime
    is_complete: bool


async def recent_counts(
    connection: AsyncConnection, scope: OrganizationScope, since: datetime, at_most: int = COUNTED
) -> RecentCounts:
    """What the log has of the organization's events since then."""
    mine = events.c.organization_id == scope.organization_id
    here = event_logs.c.organization_id == scope.organization_id
    head = (await connection.execute(select(event_logs.c.head).where(here))).scalar_one_or_none() or 0
    first = select(events.c.received_at).where(mine, events.c.seq > head - at_most).order_by(events.c.seq).limit(1)
    begins = (await connection.execute(first)).scalar_one_or_none()
    is_complete = head <= at_most or begins is None or begins < since
    counted = func.count().label("counted")
    statement = (
        select(events.c.event, counted, func.sum(events.c.size).label("bytes"))
        .where(mine, events.c.seq > head - at_most, events.c.received_at >= since)
        .group_by(events.c.event)
        .order_by(counted.desc(), events.c.event)
    )
    rows = (await connection.execute(statement)).all()
    found = tuple(EventCount(row.event, row.counted, int(row.bytes)) for row in rows)
    return RecentCounts(found, since if is_complete or begins is None else begins, is_complete)
