"""How old events leave the log: each after the days for which its organization keeps it, a few at a time, because on
SQLite whoever removes holds up whoever appends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Column, Row, delete, select

from ponteio.eventlog.postgres_terms import without_terms
from ponteio.model.event_policy import EventChoices
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database, Dialect
from ponteio.storage.script import Query, Script
from ponteio.storage.tables import events

LOCK_S: Mapping[Dialect, float] = {"sqlite": 0.005, "postgresql": 0.05}
"""What a transaction may take before its commit; with the commit about twice as much. On SQLite everybody else waits
for all of it, on PostgreSQL an append to the same log for its end.
"""
LEAST, MOST = 10, 150
"""Events that one transaction removes."""
MOST_BYTES = 2 * 1024 * 1024
"""Of their data: every page of it must be freed."""
REST = 4
"""Times as long as a transaction took, others have the database to themselves."""
REST_S = 0.02
ROWS_AT_ONCE = 100
"""Small rows of other tables that one transaction removes."""
_WINDOW = 2_000

_MARK = "SELECT seq FROM retention_marks WHERE organization_id = ? AND keep_days = ? AND rules = ?"
_PUT_MARK = (
    "INSERT INTO retention_marks (organization_id, keep_days, rules, seq) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (organization_id, keep_days) DO UPDATE SET rules = excluded.rules, seq = excluded.seq"
)
_RAISE_FLOOR = "UPDATE event_logs SET floor = ? WHERE organization_id = ? AND floor < ?"


@dataclass(frozen=True, slots=True)
class Removal:
    """What one run did. `longest_s` is the longest that a transaction took before its commit."""

    events: int = 0
    transactions: int = 0
    longest_s: float = 0.0

    def plus(self, events_removed: int, took_s: float) -> Removal:
        return Removal(self.events + events_removed, self.transactions + 1, max(self.longest_s, took_s))


@dataclass(slots=True)
class _Pace:
    """How many events the next transaction removes, from how long the last one took."""

    at_once: int = LEAST

    def note(self, removed: int, took_s: float, may_take_s: float) -> None:
        if took_s > may_take_s:
            self.at_once = max(LEAST, self.at_once // 2)
        elif took_s < may_take_s / 2 and removed >= self.at_once:
            self.at_once = min(MOST, self.at_once * 2)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One way through a log, for what is kept for `days`."""

    organization_id: str
    choices: EventChoices
    days: int
    before: datetime

    @property
    def raises_floor(self) -> bool:
        return self.days == self.choices.general_days

    def is_old(self, row: Row[Any]) -> bool:
        return bool(row.received_at < self.before)

    def takes(self, row: Row[Any]) -> bool:
        return self.choices.kept_days(row.event) == self.days


@dataclass(slots=True)
class Retention:
    """Removes what was kept for long enough. `choices` says for how long, by organization."""

    database: Database
    choices: Callable[[str], EventChoices]
    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    monotonic: Callable[[], float] = time.perf_counter
    _pace: _Pace = field(default_factory=_Pace)

    async def remove_old(self, organization_ids: Collection[str]) -> Removal:
        """Nothing is left in these logs that is older than its organization keeps it. Where the general period removed
        something, the log's floor says up to where. May be interrupted anywhere; raises `StorageError`.
        """
        done = Removal()
        for organization_id in organization_ids:
            choices = self.choices(organization_id)
            for days in choices.periods:
                walk = _Walk(organization_id, choices, days, self.clock() - timedelta(days=days))
                done = await self._walk(walk, done)
        return done

    async def _walk(self, walk: _Walk, done: Removal) -> Removal:
        at = await self.database.run_reading(_mark(walk))
        while old := await self._old(walk, at):
            doomed = [row for row in old if walk.takes(row)]
            while doomed:
                portion = doomed[: self._portion(doomed)]
                doomed = doomed[len(portion) :]
                done = await self._remove(walk, portion, portion[-1].seq if doomed else old[-1].seq, done)
            at = old[-1].seq
            if not any(map(walk.takes, old)):
                await self.database.run(_put_mark(walk, at))
        return done

    async def _old(self, walk: _Walk, after: int) -> list[Row[Any]]:
        columns = (events.c.seq, events.c.event, events.c.size, events.c.received_at)
        mine = (events.c.organization_id == walk.organization_id, events.c.seq > after)
        statement = select(*columns).where(*mine).order_by(events.c.seq).limit(_WINDOW)
        async with self.database.read() as connection:
            rows: Sequence[Any] = (await connection.execute(statement)).all()
        return list(takewhile(walk.is_old, rows))

    def _portion(self, doomed: Sequence[Row[Any]]) -> int:
        size = 0
        for count, row in enumerate(doomed[: self._pace.at_once]):
            size += row.size
            if count and size > MOST_BYTES:
                return count
        return min(len(doomed), self._pace.at_once)

    async def _remove(self, walk: _Walk, portion: Sequence[Row[Any]], mark: int, done: Removal) -> Removal:
        took_s = await self.database.run(self._timed(_removal(walk, [row.seq for row in portion], mark)))
        self._pace.note(len(portion), took_s, LOCK_S[self.database.dialect])
        await self.sleep(max(REST_S, REST * took_s))
        return done.plus(len(portion), took_s)

    def _timed(self, script: Script[None]) -> Script[float]:
        began = self.monotonic()
        yield from script
        return self.monotonic() - began


async def remove_rows(database: Database, key: Column[Any], moment: Column[Any], before: datetime) -> int:
    """The rows of the table of `key`, a number that grows with time, are gone whose `moment` is before `before`; how
    many there were. A few at a time.
    """
    old = select(key).where(moment < before).order_by(key).limit(ROWS_AT_ONCE)
    total = 0
    while True:
        async with database.write() as connection:
            removed = (await connection.execute(delete(key.table).where(key.in_(old)))).rowcount
        total += removed
        if removed < ROWS_AT_ONCE:
            return total


def _mark(walk: _Walk) -> Script[int]:
    rows = yield Query(_MARK, (walk.organization_id, walk.days, walk.choices.rules))
    return rows[0][0] if rows else 0


def _put_mark(walk: _Walk, seq: int) -> Script[None]:
    yield Query(_PUT_MARK + " RETURNING seq", (walk.organization_id, walk.days, walk.choices.rules, seq))


def _removal(walk: _Walk, seqs: Sequence[int], mark: int) -> Script[None]:
    """These events are gone. The floor comes last: its row is what an append waits for."""
    marks = ", ".join("?" * len(seqs))
    statement = f"DELETE FROM events WHERE organization_id = ? AND seq IN ({marks}) RETURNING seq"  # noqa: S608
    yield Query(statement, (walk.organization_id, *seqs))
    yield from without_terms(walk.organization_id, seqs)
    yield from _put_mark(walk, mark)
    if walk.raises_floor:
        yield Query(_RAISE_FLOOR + " RETURNING floor", (seqs[-1], walk.organization_id, seqs[-1]))
