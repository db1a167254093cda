"""Follows the logs and counts: where each minute is in a log, and how many events each hour brought."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import structlog

from ponteio.storage.database import Database, Dialect
from ponteio.storage.errors import StorageError
from ponteio.storage.script import Query, Rows, Script

log = structlog.get_logger(__name__)

PAUSE_S = 5.0
PORTION = 4_000
"""Events counted in one transaction, for which live events wait on SQLite."""
_ROWS_AT_ONCE = 500
_UNIT_MINUTES = {"hour": 60, "day": 24 * 60}

_LOGS = (
    "SELECT organization_id, head, coalesce(seq, 0) FROM event_logs LEFT JOIN counted_logs USING (organization_id) "
    "WHERE head > coalesce(seq, 0) ORDER BY organization_id"
)
_GROUPS = (
    "SELECT {minute}, instance, event, origin, count(*), sum(size), min(seq), max(seq) FROM events "
    "WHERE organization_id = ? AND seq > ? AND seq <= ? GROUP BY 1, 2, 3, 4"
)
_MINUTES: Mapping[Dialect, str] = {
    "sqlite": "substr(received_at, 1, 16)",
    "postgresql": "CAST(floor(extract(epoch FROM received_at) / 60) AS bigint)",
}
_ADVANCE = (
    "INSERT INTO counted_logs (organization_id, seq) VALUES (?, ?) "
    "ON CONFLICT (organization_id) DO UPDATE SET seq = excluded.seq WHERE counted_logs.seq = ? RETURNING seq"
)
_NEIGHBOURS = (
    "SELECT minute, low_seq, high_seq FROM event_minutes WHERE organization_id = ? AND minute >= coalesce("
    "(SELECT max(minute) FROM event_minutes WHERE organization_id = ? AND minute < ?), ?) ORDER BY minute"
)
_PUT_MINUTES = (
    "INSERT INTO event_minutes (organization_id, minute, low_seq, high_seq, count) VALUES {} "
    "ON CONFLICT (organization_id, minute) DO UPDATE SET low_seq = excluded.low_seq, high_seq = excluded.high_seq, "
    "count = event_minutes.count + excluded.count RETURNING minute"
)
_PUT_COUNTS = (
    "INSERT INTO event_{unit}s (organization_id, {unit}, instance, event, origin, count, bytes) VALUES {{}} "
    "ON CONFLICT (organization_id, {unit}, instance, event, origin) DO UPDATE SET "
    "count = event_{unit}s.count + excluded.count, bytes = event_{unit}s.bytes + excluded.bytes RETURNING {unit}"
)
_OLD_HOURS = (
    "DELETE FROM event_hours WHERE (organization_id, hour, instance, event, origin) IN "
    "(SELECT organization_id, hour, instance, event, origin FROM event_hours WHERE hour < ? LIMIT ?) RETURNING hour"
)
_OLD_MINUTES = (
    "DELETE FROM event_minutes WHERE (organization_id, minute) IN "
    "(SELECT organization_id, minute FROM event_minutes WHERE minute < ? AND high_seq < coalesce((SELECT min(seq) "
    "FROM events WHERE events.organization_id = event_minutes.organization_id), high_seq + 1) LIMIT ?) RETURNING minute"
)
_PUT_INSTANCES = (
    "INSERT INTO counted_instances (organization_id, instance) VALUES {} ON CONFLICT DO NOTHING RETURNING instance"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Events of one minute that are alike, in a portion of a log."""

    minute: int
    instance: str
    event: str
    origin: str
    count: int
    size: int
    low: int
    high: int


@dataclass(slots=True)
class Minute:
    """A row of `event_minutes` as it is to be; `count` is what it gains."""

    low: int
    high: int
    count: int = 0


class EventCounter:
    """Keeps the counts up to date, each event counted once, whenever the process is killed and however many count."""

    def __init__(
        self,
        database: Database,
        *,
        pause_s: float = PAUSE_S,
        portion: int = PORTION,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._pause_s = pause_s
        self._portion = portion
        self._sleep = sleep

    async def run(self) -> None:
        """Follow the logs until cancelled. Trouble with the database is waited out."""
        while True:
            try:
                is_behind = await self.step()
            except StorageError as error:
                log.warning("events cannot be counted", error=type(error).__name__)
                is_behind = False
            # Live events come first: between two portions they have the writer to themselves.
            await self._sleep(self._pause_s / 5 if is_behind else self._pause_s)

    async def catch_up(self) -> None:
        """Everything stored before the call is counted. Raises `StorageError`."""
        while await self.step():
            pass

    async def prune(self, before: datetime) -> None:
        """What was counted by hours and minutes before this moment is forgotten, except minutes of which there are
        events. Days are kept. Raises `StorageError`.
        """
        minute = int(before.timestamp()) // 60
        for statement, limit in ((_OLD_HOURS, minute // 60), (_OLD_MINUTES, minute)):
            while len(await self._database.run(_asked(statement, limit, _ROWS_AT_ONCE))) == _ROWS_AT_ONCE:
                pass

    async def step(self) -> bool:
        """A portion of each log that grew is counted; whether any is still behind. Raises `StorageError`."""
        is_behind = False
        for organization_id, head, counted in await self._database.run_reading(_asked(_LOGS)):
            to = min(head, counted + self._portion)
            groups = await self._database.run_reading(_grouped(organization_id, counted, to, self._database.dialect))
            await self._database.run(_count(organization_id, counted, to, groups))
            is_behind = is_behind or to < head
        return is_behind


def _asked(statement: str, *parameters: int) -> Script[Rows]:
    return (yield Query(statement, parameters))


def _grouped(organization_id: str, after: int, to: int, dialect: Dialect) -> Script[list[Group]]:
    rows = yield Query(_GROUPS.format(minute=_MINUTES[dialect]), (organization_id, after, to))
    return [Group(_minute(row[0]), *row[1:5], *map(int, row[5:])) for row in rows]


def _minute(value: str | int) -> int:
    """Whole minutes since 1970, from the beginning of a moment as SQLite spells it, or from the number itself."""
    return int(datetime.fromisoformat(f"{value}:00+00:00").timestamp()) // 60 if isinstance(value, str) else value


def _count(organization_id: str, counted: int, to: int, groups: list[Group]) -> Script[None]:
    # First of all: another process that counts the same log waits here, and then finds that it has been done.
    if not (yield Query(_ADVANCE, (organization_id, to, counted))) or not groups:
        return
    first = min(group.minute for group in groups)
    known = yield Query(_NEIGHBOURS, (organization_id, organization_id, first, first))
    minutes = merged({minute: Minute(low, high) for minute, low, high in known}, groups)
    rows = [(organization_id, minute, row.low, row.high, row.count) for minute, row in minutes.items()]
    yield from _put(_PUT_MINUTES, rows)
    for unit, length in _UNIT_MINUTES.items():
        yield from _put(_PUT_COUNTS.format(unit=unit), _totals(organization_id, groups, length))
    yield from _put(_PUT_INSTANCES, [(organization_id, name) for name in sorted({group.instance for group in groups})])


def _totals(organization_id: str, groups: list[Group], unit_minutes: int) -> list[tuple[Any, ...]]:
    counts: Counter[tuple[Any, ...]] = Counter()
    sizes: Counter[tuple[Any, ...]] = Counter()
    for group in groups:
        key = (organization_id, group.minute // unit_minutes, group.instance, group.event, group.origin)
        counts[key] += group.count
        sizes[key] += group.size
    # Sorted: two processes that write the same rows in different orders would wait for each other for ever.
    return [(*key, counts[key], sizes[key]) for key in sorted(counts)]


def merged(known: dict[int, Minute], groups: list[Group]) -> dict[int, Minute]:
    """The rows that change, in order. `known` are the rows from the last one before the groups' first minute on; the
    groups' events come after all that these rows know of.
    """
    rows = {minute: Minute(row.low, row.high) for minute, row in known.items()}
    for group in groups:
        row = rows.setdefault(group.minute, Minute(group.low, group.high))
        row.low, row.high = min(row.low, group.low), max(row.high, group.high)
        row.count += group.count
    ordered = sorted(rows)
    for former, minute in pairwise(ordered):
        rows[minute].high = max(rows[minute].high, rows[former].high)
    for following, minute in pairwise(reversed(ordered)):
        rows[minute].low = min(rows[minute].low, rows[following].low)
    return {
        minute: rows[minute]
        for minute in ordered
        if rows[minute].count or (rows[minute].low, rows[minute].high) != (known[minute].low, known[minute].high)
    }


def _put(statement: str, rows: list[tuple[Any, ...]]) -> Script[None]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        marks = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        yield Query(statement.format(marks), tuple(value for row in some for value in row))
