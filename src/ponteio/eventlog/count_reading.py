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

DAY_S, HOUR_S, MINUTE_S = 86_400, 3600, 60
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
    which an exact `condition` on instance, event and origin holds. Whole days, hours and minutes are taken as they were
    counted if `units` (lengths in seconds, the longest first) has them; minutes know no names.
    """

    organization_id: str
    since: datetime
    until: datetime
    condition: Condition
    units: tuple[int, ...]
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
    counted = min(head, (yield Query(_COUNTED, (wanted.organization_id,)))[0][0])
    found: list[Count] = []
    for piece in _pieces(wanted.since, wanted.until, wanted.units):
        if piece.unit_s is not None:
            found += yield from _units(wanted, piece)
        span = yield from span_between(wanted.organization_id, piece.since, piece.until, head)
        timed = Condition("received_at >= ? AND received_at < ?", (piece.since, piece.until)).also(wanted.condition)
        low = span.low if piece.unit_s is None else max(span.low, counted + 1)
        for first, last in _windows(low, span.high, span.counted, head):
            rows = yield from _look(wanted, timed.spelled(dialect), first, last, dialect)
            found += rows
            if not go_on():
                known_s = min((row.at_s for row in rows), default=piece.until.timestamp())
                return Counts(found, complete=False, known_from=datetime.fromtimestamp(known_s, UTC))
    return Counts(found, complete=True, known_from=wanted.since)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the time: whole units, of which only what came since the last count must be looked at, or none."""

    since: datetime
    until: datetime
    unit_s: int | None


def _pieces(since: datetime, until: datetime, units: tuple[int, ...]) -> Iterator[_Piece]:
    """The whole time, the newest first, in units as long as possible."""
    if since >= until:
        return
    if not units:
        yield _Piece(since, until, None)
        return
    unit_s, shorter = units[0], units[1:]
    first, last = -int(-since.timestamp() // unit_s) * unit_s, int(until.timestamp() // unit_s) * unit_s
    if first >= last:
        yield from _pieces(since, until, shorter)
        return
    whole = _Piece(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC), unit_s)
    yield from _pieces(whole.until, until, shorter)
    yield whole
    yield from _pieces(since, whole.since, shorter)


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


def _units(wanted: Wanted, piece: _Piece) -> Script[list[Count]]:
    length = piece.unit_s or MINUTE_S
    span = (int(piece.since.timestamp()) // length, int(piece.until.timestamp()) // length)
    if length == MINUTE_S:
        rows = yield Query(
            "SELECT minute, '', '', '', count, 0 FROM event_minutes "
            "WHERE organization_id = ? AND minute >= ? AND minute < ?",
            (wanted.organization_id, *span),
        )
        return [_count(row[0] * length, row) for row in rows]
    unit = "hour" if length == HOUR_S else "day"
    # By names the whole piece is one: when in it does not matter.
    at, names = (f"min({unit})", "instance, event, origin") if wanted.names else (unit, "'', '', ''")
    rows = yield Query(
        f"SELECT {at}, {names}, sum(count), sum(bytes) FROM event_{unit}s "  # noqa: S608
        f"WHERE organization_id = ? AND {unit} >= ? AND {unit} < ? AND {wanted.condition.sql} "
        f"GROUP BY {'instance, event, origin' if wanted.names else unit}",
        (wanted.organization_id, *span, *wanted.condition.parameters),
    )
    return [_count(row[0] * length, row) for row in rows]


def _count(at_s: int, row: tuple[Any, ...]) -> Count:
    return Count(at_s, restored(row[1]), restored(row[2]), row[3], int(row[4]), int(row[5]))


def _second(value: str | int) -> int:
    return int(datetime.fromisoformat(value + "+00:00").timestamp()) if isinstance(value, str) else value
