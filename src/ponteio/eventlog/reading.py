"""How the log is read: by place, inside the caller's read transaction, so that head and rows are of one moment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.filter import EventFilter
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import CURSOR_EXPIRED, INVALID_CURSOR, ORGANIZATION_NOT_FOUND, RefusalError
from ponteio.storage.column_types import storable
from ponteio.storage.script import Load, Query, Script
from ponteio.storage.statements import portions
from ponteio.storage.tables import event_logs, events

# How far one read looks for events that fit a filter: what a demanding filter may cost.
SCAN = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the log. `next` is the cursor to read on from, `head` the log's end at the moment of the read, and
    `more` whether `next` is before it.
    """

    events: list[StoredEvent]
    next: Cursor
    head: Cursor
    more: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a log ends, and where it begins to be whole: up to `floor` events were removed for their age."""

    head: Cursor
    floor: Cursor


def heads(organization_ids: Collection[str]) -> Script[dict[str, Cursor]]:
    """The heads of the logs that exist among these."""
    found: dict[str, Cursor] = {}
    for some in portions(organization_ids):
        condition = f"organization_id IN ({_marks(some)})"
        for organization_id, epoch, seq, _ in (yield Load(event_logs, condition, tuple(some))):
            found[organization_id] = Cursor(epoch, seq)
    return found


def head(scope: OrganizationScope) -> Script[Cursor]:
    """The head of the scope's log; raises `RefusalError` when there is no such organization."""
    return (yield from bounds(scope)).head


def bounds(scope: OrganizationScope) -> Script[Bounds]:
    """The bounds of the scope's log; raises `RefusalError` when there is no such organization."""
    rows = yield Load(event_logs, "organization_id = ?", (scope.organization_id,))
    if not rows:
        raise RefusalError(ORGANIZATION_NOT_FOUND)
    _, epoch, last, floor = rows[0]
    return Bounds(Cursor(epoch, last), Cursor(epoch, floor))


def get(scope: OrganizationScope, cursor: Cursor) -> Script[StoredEvent | None]:
    """The event at `cursor`, if it is within the scope."""
    end = yield from head(scope)
    if cursor.epoch != end.epoch:
        return None
    rows = yield Load(events, "organization_id = ? AND seq = ?", (scope.organization_id, cursor.seq))
    found = event_of(rows[0], end.epoch) if rows else None
    return found if found and scope.allowed.matches(found.instance, found.event) else None


def read_after(
    scope: OrganizationScope, after: Cursor | None, limit: int, max_bytes: int, wanted: EventFilter
) -> Script[Page]:
    """The page behind `EventLog.read_after`."""
    limit = max(limit, 1)
    log = yield from bounds(scope)
    end, start = log.head, _start(after, log)
    is_filtered = not (wanted.is_everything and scope.allowed.is_everything)
    last = min(end.seq, start + SCAN) if is_filtered else end.seq
    # The sizes first: what does not fit is not read.
    condition, parameters = _stretch(scope, start, last, wanted)
    sizes = yield Query(f"SELECT seq, size FROM events WHERE {condition} LIMIT ?", (*parameters, limit))  # noqa: S608
    taken = _within(max_bytes, [size for _, size in sizes])
    if taken < len(sizes) or taken == limit:
        last = sizes[taken - 1][0]
    found = (yield Load(events, *_stretch(scope, start, last, wanted))) if taken else []
    return Page([event_of(row, end.epoch) for row in found], end.at(last), end, last < end.seq)


def _start(after: Cursor | None, log: Bounds) -> int:
    if after is None:
        return log.floor.seq
    if after.epoch != log.head.epoch or 0 <= after.seq < log.floor.seq:
        raise RefusalError(CURSOR_EXPIRED)
    if not 0 <= after.seq <= log.head.seq:
        raise RefusalError(INVALID_CURSOR, "The cursor is beyond the end of the log.")
    return after.seq


def _stretch(scope: OrganizationScope, after: int, last: int, wanted: EventFilter) -> tuple[str, tuple[str | int, ...]]:
    """The condition and order of the scope's wanted events with `after` < seq <= `last`."""
    terms = ["organization_id = ?", "seq > ?", "seq <= ?"]
    parameters: list[str | int] = [scope.organization_id, after, last]
    for some in (scope.allowed, wanted):
        if some.instances is not None:
            terms.append(f"instance IN ({_marks(some.instances)})")
            parameters += sorted(map(storable, some.instances))
        if some.events is not None:
            term, values = _named(some.events)
            terms.append(term)
            parameters += values
    return f"{' AND '.join(terms)} ORDER BY seq", tuple(parameters)


def _named(patterns: Collection[str]) -> tuple[str, list[str | int]]:
    names = sorted(storable(pattern) for pattern in patterns if not pattern.endswith(".*"))
    families = sorted(storable(pattern[:-1]) for pattern in patterns if pattern.endswith(".*"))
    terms = [f"event IN ({_marks(names)})"] if names else []
    # Not LIKE: it ignores case on SQLite and has characters to escape.
    terms += ["substr(event, 1, ?) = ?"] * len(families)
    lengths_and_prefixes = [value for family in families for value in (len(family), family)]
    return f"({' OR '.join(terms)})", [*names, *lengths_and_prefixes]


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _within(max_bytes: int, sizes: list[int]) -> int:
    """How many of these fit, at least one."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > max_bytes and count:
            return count
    return len(sizes)


def event_of(row: tuple[Any, ...], epoch: str) -> StoredEvent:
    """The event of a row with the columns of `events`, in the table's order."""
    organization_id, seq, instance, event, sender, date_time, occurred_at, received_at, origin, _, extra, data = row
    return StoredEvent(
        organization_id=organization_id,
        epoch=epoch,
        seq=seq,
        instance=instance,
        event=event,
        sender=sender,
        date_time=date_time,
        occurred_at=occurred_at,
        received_at=received_at,
        origin=origin,
        data=data.encode(),
        extra=None if extra is None else extra.encode(),
    )
