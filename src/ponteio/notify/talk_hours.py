"""In which hours of the week an instance usually talks: learned from what it sent, an hour at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ponteio.storage.database import Database
from ponteio.storage.notify_tables import talk_hours

WEEKS = 4
NEEDED = 2
"""An hour is usual when the instance talked in it on this many of the last `WEEKS` such weekdays."""
KEPT_DAYS = 7 * WEEKS + 1
_DAY_S = 86_400
_AT_ONCE = 200


class TalkHours:
    """What is noted is known at once, and stored by `save`. Hours are those of UTC, weekdays too."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._days: dict[tuple[str, str], dict[int, int]] = {}
        self._unsaved: dict[tuple[str, str, int], int] = {}

    async def load(self, now: datetime) -> None:
        """What was stored is known. Raises `StorageError`."""
        statement = select(talk_hours).where(talk_hours.c.day_no > _day_no(now) - KEPT_DAYS)
        async with self._database.read() as connection:
            for row in await connection.execute(statement):
                days = self._days.setdefault((row.organization_id, row.instance), {})
                days[row.day_no] = days.get(row.day_no, 0) | row.hours

    def note(self, organization_id: str, instance: str, at: datetime) -> None:
        """The instance talked at `at`."""
        day_no, hour = divmod(int(at.timestamp()) // 3600, 24)
        days = self._days.setdefault((organization_id, instance), {})
        before = days.get(day_no, 0)
        if not before >> hour & 1:
            days[day_no] = before | 1 << hour
            place = (organization_id, instance, day_no)
            self._unsaved[place] = self._unsaved.get(place, 0) | 1 << hour

    def usual_since(self, organization_id: str, instance: str, now: datetime) -> datetime | None:
        """Since when, without a break, it has been an hour in which the instance usually talks; None: it is none."""
        return usual_since(self._days.get((organization_id, instance), {}), now)

    async def save(self, now: datetime) -> None:
        """What was noted is stored, and what is old forgotten. Raises `StorageError`; then it still waits."""
        while self._unsaved:
            some = dict(list(self._unsaved.items())[:_AT_ONCE])
            await self._store(some)
            for place, hours in some.items():
                rest = self._unsaved[place] & ~hours
                if rest:
                    self._unsaved[place] = rest
                else:
                    del self._unsaved[place]
        oldest = _day_no(now) - KEPT_DAYS
        for days in self._days.values():
            for day_no in [day_no for day_no in days if day_no <= oldest]:
                del days[day_no]

    async def prune(self, now: datetime) -> None:
        """Rows of days that count no more are gone. Raises `StorageError`."""
        async with self._database.write() as connection:
            await connection.execute(delete(talk_hours).where(talk_hours.c.day_no <= _day_no(now) - KEPT_DAYS))

    async def _store(self, some: Mapping[tuple[str, str, int], int]) -> None:
        insert = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        names = ("organization_id", "instance", "day_no", "hours")
        rows = [dict(zip(names, (*place, hours), strict=True)) for place, hours in _in_order(some)]
        statement = insert(talk_hours).values(rows)
        merged = talk_hours.c.hours.bitwise_or(statement.excluded.hours)
        keys = ["organization_id", "instance", "day_no"]
        async with self._database.write() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"hours": merged}))


def usual_since(days: Mapping[int, int], now: datetime) -> datetime | None:
    """`TalkHours.usual_since`, from the hours of each day as bits."""
    hour_no = int(now.timestamp()) // 3600
    first: int | None = None
    for back in range(24 * 7):
        if not _is_usual(days, hour_no - back):
            break
        first = hour_no - back
    return None if first is None else datetime.fromtimestamp(first * 3600, UTC)


def _is_usual(days: Mapping[int, int], hour_no: int) -> bool:
    day_no, hour = divmod(hour_no, 24)
    talked = sum(days.get(day_no - 7 * week, 0) >> hour & 1 for week in range(1, WEEKS + 1))
    return talked >= NEEDED


def _day_no(now: datetime) -> int:
    return int(now.timestamp()) // _DAY_S


def _in_order(some: Mapping[tuple[str, str, int], int]) -> Iterable[tuple[tuple[str, str, int], int]]:
    """Always the same order: two processes that store at once do not wait for each other."""
    return sorted(some.items())
