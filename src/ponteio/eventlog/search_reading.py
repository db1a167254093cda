"""How a search reads rows: a window of the log, or chosen places, never more than a bounded number of bytes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ponteio.eventlog.column_conditions import Condition
from ponteio.eventlog.reading import event_of
from ponteio.model.event import StoredEvent
from ponteio.storage.script import Load, Query, Script
from ponteio.storage.tables import events

ROWS = 256
BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stretch:
    """The numbers `low` to `high`, both included, of an organization's log."""

    organization_id: str
    epoch: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in the order of the search, and the last number that was looked at: those up to it are done with."""

    events: list[StoredEvent]
    reached: int


def window(stretch: Stretch, condition: Condition, *, newest_first: bool) -> Script[Found]:
    """The first rows of the stretch for which `condition` holds, at least one if there is one."""
    order = "DESC" if newest_first else "ASC"
    where = f"organization_id = ? AND seq >= ? AND seq <= ? AND {condition.sql}"
    values = (stretch.organization_id, stretch.low, stretch.high, *condition.parameters)
    sizes = yield Query(
        f"SELECT seq, size FROM events WHERE {where} ORDER BY seq {order} LIMIT ?",  # noqa: S608
        (*values, ROWS),
    )
    end = stretch.low if newest_first else stretch.high
    taken = within(BYTES, [size for _, size in sizes])
    if not taken:
        return Found([], end)
    reached = sizes[taken - 1][0] if taken < len(sizes) or taken == ROWS else end
    low, high = (reached, stretch.high) if newest_first else (stretch.low, reached)
    rows = yield Load(
        events, f"{where} ORDER BY seq {order}", (stretch.organization_id, low, high, *condition.parameters)
    )
    return Found([event_of(row, stretch.epoch) for row in rows], reached)


def chosen(stretch: Stretch, seqs: Sequence[int]) -> Script[Found]:
    """The rows at the first of these places, in their order; `reached` is the last place that was looked at. Places
    without a row are passed over. At least one place must be given.
    """
    places = seqs[:ROWS]
    where = f"organization_id = ? AND seq IN ({', '.join('?' * len(places))})"
    answer = yield Query(f"SELECT seq, size FROM events WHERE {where}", (stretch.organization_id, *places))  # noqa: S608
    sizes: dict[int, int] = dict(answer)
    taken = places[: within(BYTES, [sizes.get(seq, 0) for seq in places])]
    where = f"organization_id = ? AND seq IN ({', '.join('?' * len(taken))})"
    rows = yield Load(events, where, (stretch.organization_id, *taken))
    by_place = {event.seq: event for event in (event_of(row, stretch.epoch) for row in rows)}
    return Found([by_place[seq] for seq in taken if seq in by_place], taken[-1])


def within(max_bytes: int, sizes: Sequence[int]) -> int:
    """How many of these fit, at least one."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > max_bytes and count:
            return count
    return len(sizes)
