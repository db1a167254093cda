"""Pages of a log, in either direction, read in the cheapest way that its filter allows."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from ponteio.eventlog.log import EventLog
from ponteio.eventlog.search import SearchPage
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.filter_names import narrowed
from ponteio.model.filter_tree import Filter
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import CURSOR_EXPIRED, RefusalError
from ponteio.model.sight import Sight

PAGE_BYTES = 4 * 1024 * 1024
BUDGET_S = 2.0
"""What one search may take before it answers with what it has and where to go on."""


@dataclass(frozen=True, slots=True)
class EventSlice:
    """Events in the order that was asked for. `next` goes on in that order, `previous` the other way; `more` says
    whether there may be something after `next`, `complete` whether all that lies before it has been looked at as far
    as the page goes: if not, the time was over.
    """

    events: list[StoredEvent]
    next: Cursor
    previous: Cursor
    head: Cursor
    more: bool
    complete: bool

    def json(self, sight: Sight) -> bytes:
        """The slice as a reader with this sight gets it, around its events' own bytes."""
        tail = orjson.dumps(
            {
                "next": str(self.next),
                "previous": str(self.previous),
                "head": str(self.head),
                "more": self.more,
                "complete": self.complete,
            }
        )
        return b'{"events":[' + b",".join(event.envelope(sight) for event in self.events) + b"]," + tail[1:]


async def oldest_first(
    log: EventLog,
    scope: OrganizationScope,
    wanted: Filter,
    *,
    after: Cursor | None,
    before: Cursor | None = None,
    limit: int,
    max_bytes: int = PAGE_BYTES,
) -> EventSlice:
    """The first events after `after` (None: from where the log begins to be whole), and before `before` if it is given.
    Raises `RefusalError`.
    """
    names, rest = narrowed(wanted)
    if rest is None and before is None:
        page = await log.read_after(scope, after, limit=limit, max_bytes=max_bytes, filter=names)
        start = (await log.bounds(scope)).floor if after is None else after
        return EventSlice(page.events, page.next, start.at(start.seq + 1), page.head, page.more, complete=True)
    start = await _start(log, scope, after)
    found = await log.search(
        scope, wanted, after=start, before=before, limit=limit, max_bytes=max_bytes, budget_s=BUDGET_S
    )
    end = found.head if before is None else before.at(max(before.seq - 1, start.seq))
    return _slice(found, end)


async def newest_first(
    log: EventLog,
    scope: OrganizationScope,
    wanted: Filter,
    *,
    before: Cursor | None,
    limit: int,
    max_bytes: int = PAGE_BYTES,
) -> EventSlice:
    """The last events before `before`; None: from the end. Raises `RefusalError`."""
    found = await log.search(scope, wanted, before=before, limit=limit, max_bytes=max_bytes, budget_s=BUDGET_S)
    return _slice(found, found.head.at(0))


async def _start(log: EventLog, scope: OrganizationScope, after: Cursor | None) -> Cursor:
    """After which to begin, so that nothing is missing without a word."""
    bounds = await log.bounds(scope)
    if after is None:
        return bounds.floor
    if after.epoch != bounds.head.epoch or after.seq < bounds.floor.seq:
        raise RefusalError(CURSOR_EXPIRED)
    return after


def _slice(found: SearchPage, end: Cursor) -> EventSlice:
    """`end` is where those go on who have seen everything."""
    following, more = (end, False) if found.next is None else (found.next, True)
    return EventSlice(found.events, following, found.previous, found.head, more, found.complete)
