"""Figures over time: a row for each minute, organization and process, later one for each hour."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from ponteio.observe.figures import Figures
from ponteio.storage.database import Database
from ponteio.storage.script import Query, Rows, Script

DEPLOYMENT = ""
"""Where the whole deployment's figures are kept."""
MINUTE_S, HOUR_S = 60, 3600
MINUTES_KEPT = timedelta(hours=48)
HOURS_KEPT = timedelta(days=90)
_ROWS_AT_ONCE = 100
"""Of one transaction: on SQLite live events wait for it."""
_MINUTES_UNWRITTEN = 120
"""While the database is away; older ones are forgotten."""

_PUT = (
    "INSERT INTO metric_rollups (organization_id, step_s, at_s, process_id, figures) VALUES {} "
    "ON CONFLICT (organization_id, step_s, at_s, process_id) DO UPDATE SET figures = excluded.figures RETURNING at_s"
)
_OWN = "organization_id = ? AND step_s = ? AND at_s >= ? AND at_s < ?"
_READ = f"SELECT at_s, figures FROM metric_rollups WHERE {_OWN}"  # noqa: S608
_TAKE = f"DELETE FROM metric_rollups WHERE {_OWN} RETURNING figures"  # noqa: S608
_MINE = f"SELECT figures FROM metric_rollups WHERE {_OWN} AND process_id = ?"  # noqa: S608
_OLD_MINUTES = (
    "SELECT DISTINCT organization_id, at_s / 3600 FROM metric_rollups WHERE step_s = ? AND at_s < ? "
    "ORDER BY at_s / 3600, organization_id LIMIT ?"
)
_FORGET = "DELETE FROM metric_rollups WHERE step_s = ? AND at_s < ? RETURNING at_s"


class MetricRollups:
    """Writes what this process counted and reads what all did. Each row says all that its process counted in its
    minute, so that writing it twice changes nothing; what was not written when a process is killed is lost.
    """

    def __init__(self, database: Database, process_id: str | None = None) -> None:
        self._database = database
        self._process_id = process_id or secrets.token_hex(6)
        self._minutes: dict[int, dict[str, Figures]] = {}
        self._unwritten: set[tuple[int, str]] = set()

    def note(self, at: datetime, taken: Mapping[str, Figures]) -> None:
        """Figures of the minute of `at`, by organization, are to be written; they add to those noted before."""
        minute = int(at.timestamp()) // MINUTE_S * MINUTE_S
        mine = self._minutes.setdefault(minute, {})
        for organization_id, figures in taken.items():
            mine.setdefault(organization_id, Figures()).add(figures)
            self._unwritten.add((minute, organization_id))
        for old in sorted(self._minutes)[:-_MINUTES_UNWRITTEN]:
            self._forget(old)

    async def flush(self) -> None:
        """What was noted is in the database. Raises `StorageError`; then the rest is still to be written."""
        waiting = sorted(self._unwritten)
        for start in range(0, len(waiting), _ROWS_AT_ONCE):
            some = waiting[start : start + _ROWS_AT_ONCE]
            rows = [
                (organization_id, MINUTE_S, at_s, self._spelled(at_s, organization_id))
                for at_s, organization_id in some
            ]
            await self._database.run(self._put(rows))
            self._unwritten.difference_update(some)
        for old in sorted(self._minutes)[:-1]:  # the newest may get more
            self._forget(old)

    async def read(self, organization_id: str, since: datetime, until: datetime, step_s: int) -> dict[int, Figures]:
        """The figures from `since` to `until` of all processes, by the beginning of their span of `step_s` seconds, in
        order. `step_s` is a multiple of a minute; hours that were put together count at their beginning.
        """
        span = int(since.timestamp()), int(until.timestamp())
        rows = await self._database.run_reading(_rows(organization_id, *span))
        return await asyncio.to_thread(_grouped, rows, step_s)

    async def fold(self, now: datetime) -> None:
        """Minutes older than `MINUTES_KEPT` have become hours, and hours older than `HOURS_KEPT` are gone."""
        limit_s = int((now - MINUTES_KEPT).timestamp()) // HOUR_S * HOUR_S
        while old := await self._database.run_reading(_asked(_OLD_MINUTES, MINUTE_S, limit_s, _ROWS_AT_ONCE)):
            for organization_id, hour in old:
                await self._database.run(self._fold(organization_id, hour * HOUR_S))
        await self._database.run(_asked(_FORGET, HOUR_S, int((now - HOURS_KEPT).timestamp())))

    def _spelled(self, at_s: int, organization_id: str) -> str:
        return self._minutes[at_s][organization_id].spelled()

    def _forget(self, minute: int) -> None:
        self._unwritten -= {(minute, organization_id) for organization_id in self._minutes.pop(minute)}

    def _put(self, rows: list[tuple[str, int, int, str]]) -> Script[None]:
        values = [value for *place, figures in rows for value in (*place, self._process_id, figures)]
        yield Query(_PUT.format(", ".join(["(?, ?, ?, ?, ?)"] * len(rows))), tuple(values))

    def _fold(self, organization_id: str, at_s: int) -> Script[None]:
        """One hour, all or nothing; whoever comes second finds no minutes left. The row is this process's own, so that
        no other writes it at the same time.
        """
        minutes = yield Query(_TAKE, (organization_id, MINUTE_S, at_s, at_s + HOUR_S))
        if not minutes:
            return
        former = yield Query(_MINE, (organization_id, HOUR_S, at_s, at_s + HOUR_S, self._process_id))
        total = Figures()
        for (figures,) in (*former, *minutes):
            total.add_spelled(figures)
        yield from self._put([(organization_id, HOUR_S, at_s, total.spelled())])


def _asked(statement: str, *parameters: object) -> Script[Rows]:
    return (yield Query(statement, parameters))


def _rows(organization_id: str, since_s: int, until_s: int) -> Script[Rows]:
    hours = yield Query(_READ, (organization_id, HOUR_S, since_s, until_s))
    minutes = yield Query(_READ, (organization_id, MINUTE_S, since_s, until_s))
    return [*hours, *minutes]


def _grouped(rows: Rows, step_s: int) -> dict[int, Figures]:
    found: dict[int, Figures] = {}
    for at_s, figures in sorted(rows):
        place = at_s // step_s * step_s
        found.setdefault(place, Figures()).add_spelled(figures)
    return found
