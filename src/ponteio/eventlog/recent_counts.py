"""How many events of each name a log got of late: by whole hours as far as they are counted, and one by one after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.identity import OrganizationScope
from ponteio.storage.history_tables import counted_logs, event_hours
from ponteio.storage.tables import event_logs, events

COUNTED = 100_000
"""Events that are looked at one by one: what one question may cost."""
HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class EventCount:
    """Events of one name, and the bytes of their data."""

    event: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RecentCounts:
    """`counts` by name, the most frequent first, of what was received from `since` on, which is the beginning of an
    hour. `is_complete` is False when there was more than is counted: then `since` is later than was asked for.
    """

    counts: tuple[EventCount, ...]
    since: datetime
    is_complete: bool


async def recent_counts(
    connection: AsyncConnection, scope: OrganizationScope, since: datetime, at_most: int = COUNTED
) -> RecentCounts:
    """What the organization's log got from the hour of `since` on, in one read transaction."""
    organization_id, hour = scope.organization_id, int(since.timestamp()) // HOUR_S
    since = datetime.fromtimestamp(hour * HOUR_S, UTC)
    here = event_logs.c.organization_id == organization_id
    head = (await connection.execute(select(event_logs.c.head).where(here))).scalar_one_or_none() or 0
    there = counted_logs.c.organization_id == organization_id
    counted = (await connection.execute(select(counted_logs.c.seq).where(there))).scalar_one_or_none() or 0
    is_complete = head - counted <= at_most
    begin = counted if is_complete else head - at_most
    statements = [_one_by_one(organization_id, begin, since)]
    if is_complete:
        statements.append(_by_hours(organization_id, hour))
    else:
        since = max(since, await _received_at(connection, organization_id, begin) or since)
    return RecentCounts(await _summed(connection, statements), since, is_complete)


def _one_by_one(organization_id: str, after: int, since: datetime) -> Select[Any]:
    mine = (events.c.organization_id == organization_id, events.c.seq > after, events.c.received_at >= since)
    return select(events.c.event, func.count(), func.sum(events.c.size)).where(*mine).group_by(events.c.event)


def _by_hours(organization_id: str, hour: int) -> Select[Any]:
    table = event_hours.c
    mine = (table.organization_id == organization_id, table.hour >= hour)
    return select(table.event, func.sum(table.count), func.sum(table.bytes)).where(*mine).group_by(table.event)


async def _summed(connection: AsyncConnection, statements: list[Select[Any]]) -> tuple[EventCount, ...]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for statement in statements:
        rows: Sequence[Any] = (await connection.execute(statement)).all()
        for event, count, size in rows:
            counts[event] += int(count)
            sizes[event] += int(size)
    return tuple(
        EventCount(event, counts[event], sizes[event]) for event in sorted(counts, key=lambda it: (-counts[it], it))
    )


async def _received_at(connection: AsyncConnection, organization_id: str, after: int) -> datetime | None:
    mine = (events.c.organization_id == organization_id, events.c.seq > after)
    statement = select(events.c.received_at).where(*mine).order_by(events.c.seq).limit(1)
    found: datetime | None = (await connection.execute(statement)).scalar_one_or_none()
    return found
