"""How counts are read: whole hours and minutes from the rows that were counted as events came, the rest from the
events themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ponteio.eventlog.column_conditions import Condition
from ponteio.eventlog.spans import span_between
from ponteio.storage.column_types import restored
from ponteio.storage.database import Dialect
from ponteio.storage.script import Query, Script

HOUR_S, MINUTE_S = 3600, 60
WINDOW = 20_000
"""Numbers of a log that are counted between two looks at the time."""

_COUNTED = "SELECT coalesce((SELECT seq FROM counted_logs WHERE organization_id = ?), 0)"
_HEAD = "SELECT coalesce((SELECT head FROM event_logs WHERE organization_id = ?), 0)"
_SECONDS: Mapping[Dialect, str] = {
    "sqlite": "substr(received_at, 1, 19)",
    "postgresql": "CAST(floor(extract(epoch FROM received_at)) AS bigint)",
}


@dataclass(frozen=True, slots=True)
class Count:
    """Events that are alike, received in the second or hour that begins at `at_s` (since 1970)."""

    at_s: int
    instance: str
    event: str
    origin: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are counted: of an organization, received from `since` (included) to `until` (not included), for
    which an exact `condition` on instance, event and origin holds. `unit_s` is 3600 where whole hours can be taken as
    they were counted, 60 for whole minutes, which know no names, and None where every event must be looked at.
    """

    organization_id: str
    since: datetime
    until: datetime
    condition: Condition
    unit_s: int | None
    names: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted. `complete` is False when the time was over: then nothing is known below `known_from`."""

    rows: list[Count]
    complete: bool
    known_from: datetime


def counts(wanted: Wanted, dialect: Dialect, go_on: Callable[[], bool]) -> Script[Counts]:
    """The counts of `wanted`. Events themselves are looked at newest first."""
    head = (yield Query(_HEAD, (wanted.organization_id,)))[0][0]
    counted = (yield Query(_COUNTED, (wanted.organization_id,)))[0][0]
    inner = _whole_units(wanted)
    found: list[Count] = []
    for since, until, after in _looked_at(wanted, inner, min(counted, head)):
        span = yield from span_between(wanted.organization_id, since, until, head)
        timed = Condition("received_at >= ? AND received_at < ?", (since, until)).also(wanted.condition)
        low = max(span.low, after + 1)
        for first, last in _windows(low, span.high, span.counted, head):
            rows = yield from _look(wanted, timed.spelled(dialect), first, last, dialect)
            found += rows
            if not go_on():
                known_s = min((row.at_s for row in rows), default=until.timestamp())
                return Counts(found, complete=False, known_from=datetime.fromtimestamp(known_s, UTC))
    if inner is not None:
        found += yield from _units(wanted, *inner)
    return Counts(found, complete=True, known_from=wanted.since)


def _whole_units(wanted: Wanted) -> tuple[int, int] | None:
    """The first unit that is whole and the first that is not any more; None if there is none."""
    if wanted.unit_s is None:
        return None
    first = -int(-wanted.since.timestamp() // wanted.unit_s)
    last = int(wanted.until.timestamp() // wanted.unit_s)
    return (first, last) if first < last else None


def _looked_at(wanted: Wanted, inner: tuple[int, int] | None, counted: int) -> Iterator[tuple[datetime, datetime, int]]:
    """The times whose events are looked at, each with the number behind which, the newest first."""
    if inner is None or wanted.unit_s is None:
        yield wanted.since, wanted.until, 0
        return
    first, last = (datetime.fromtimestamp(unit * wanted.unit_s, UTC) for unit in inner)
    if last < wanted.until:
        yield last, wanted.until, 0
    # What came since the last count.
    yield first, last, counted
    if wanted.since < first:
        yield wanted.since, first, 0


def _windows(low: int, high: int, counted: int, head: int) -> Iterator[tuple[int, int]]:
    """From `head` down to what is counted, and from `high` down to `low`, in bounded pieces."""
    for top, bottom in ((head, max(low, counted + 1)), (min(high, counted), low)):
        for last in range(top, bottom - 1, -WINDOW):
            yield max(bottom, last - WINDOW + 1), last


def _look(wanted: Wanted, condition: Condition, first: int, last: int, dialect: Dialect) -> Script[list[Count]]:
    names = "instance, event, origin" if wanted.names else "'', '', ''"
    rows = yield Query(
        f"SELECT {_SECONDS[dialect]}, {names}, count(*), sum(size) FROM events "  # noqa: S608
        f"WHERE organization_id = ? AND seq >= ? AND seq <= ? AND {condition.sql} GROUP BY 1, 2, 3, 4",
        (wanted.organization_id, first, last, *condition.parameters),
    )
    return [_count(_second(row[0]), row) for row in rows]


def _units(wanted: Wanted, first: int, last: int) -> Script[list[Count]]:
    if wanted.unit_s == MINUTE_S:
        rows = yield Query(
            "SELECT minute, '', '', '', count, 0 FROM event_minutes "
            "WHERE organization_id = ? AND minute >= ? AND minute < ?",
            (wanted.organization_id, first, last),
        )
        return [_count(row[0] * MINUTE_S, row) for row in rows]
    hour, names = ("0", "instance, event, origin") if wanted.names else ("hour", "'', '', ''")
    rows = yield Query(
        f"SELECT {hour}, {names}, sum(count), sum(bytes) FROM event_hours "  # noqa: S608
        f"WHERE organization_id = ? AND hour >= ? AND hour < ? AND {wanted.condition.sql} GROUP BY 1, 2, 3, 4",
        (wanted.organization_id, first, last, *wanted.condition.parameters),
    )
    return [_count(row[0] * HOUR_S, row) for row in rows]


def _count(at_s: int, row: tuple[Any, ...]) -> Count:
    return Count(at_s, restored(row[1]), restored(row[2]), row[3], int(row[4]), int(row[5]))


def _second(value: str | int) -> int:
    return int(datetime.fromisoformat(value + "+00:00").timestamp()) if isinstance(value, str) else value
