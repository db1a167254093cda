"""The event log: append and read, dense and in one order for each organization."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import takewhile

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.eventlog import appending, reading
from ponteio.eventlog.appending import Appended
from ponteio.eventlog.counts import EventCounts
from ponteio.eventlog.reading import Bounds, Page
from ponteio.eventlog.recent_counts import RecentCounts, recent_counts
from ponteio.eventlog.search import Search, SearchBounds, SearchPage
from ponteio.eventlog.term_index import TermIndex
from ponteio.model.cursor import Cursor
from ponteio.model.event import AddressedEvent, StoredEvent
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.filter_tree import Filter
from ponteio.model.identity import OrganizationScope
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.tables import event_fingerprints

DEFAULT_LIMIT = 200
DEFAULT_MAX_BYTES = 4 * 1024 * 1024
DEFAULT_BUDGET_S = 1.0
# One transaction must not keep the writers of live events waiting.
_PRUNED_AT_ONCE = 2_000


class EventLog:
    """Appends addressed events and reads stored ones. Every read takes the scope that it may see; `counts` too."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = utc_now, index: TermIndex | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._search = Search(database, index)
        self.counts = EventCounts(database, self._search, clock)

    def use(self, index: TermIndex) -> None:
        """Searches ask this index from now on."""
        self._search.use(index)

    async def append(self, events: Sequence[AddressedEvent]) -> Appended:
        """The events that were not in the log yet are in it, all or none, numbered in the order given.

        Raises `StorageError`. Then nothing was stored, unless the commit itself failed without an answer: in both
        cases append the same events again until it succeeds. What an unanswered commit did store comes back as
        `duplicates`, not in `stored`, so that after a retry with duplicates the caller finds what it has not
        announced with `heads` and `read_after`.
        """
        if not events:
            return Appended([], 0)
        return await self._database.run(appending.append(events, self._clock()))

    async def head(self, scope: OrganizationScope) -> Cursor:
        """The place of the last committed event, or 0 in a log without events."""
        return await self._database.run_reading(reading.head(scope))

    async def bounds(self, scope: OrganizationScope) -> Bounds:
        """Where the log ends, and where it begins to be whole."""
        return await self._database.run_reading(reading.bounds(scope))

    async def heads(self, organization_ids: Collection[str]) -> dict[str, Cursor]:
        """The heads of these logs, all of the same moment. Unknown organizations are left out."""
        return await self._database.run_reading(reading.heads(organization_ids))

    async def read_after(
        self,
        scope: OrganizationScope,
        after: Cursor | None,
        *,
        limit: int = DEFAULT_LIMIT,
        max_bytes: int = DEFAULT_MAX_BYTES,
        filter: EventFilter = EVERYTHING,  # noqa: A002
    ) -> Page:
        """The wanted events with a number strictly greater than that of `after`, in order; None reads from where
        the log begins to be whole.

        At most `limit` events and `max_bytes` of data, but always one event if there is one. A page may be empty and
        still have `more`: a read looks at a bounded stretch of the log, and `next` moves past what the filter left
        out. Raises `RefusalError`: CURSOR_EXPIRED for another epoch or a place below the floor, INVALID_CURSOR for one
        beyond the head.
        """
        return await self._database.run_reading(reading.read_after(scope, after, limit, max_bytes, filter))

    async def search(
        self,
        scope: OrganizationScope,
        filter: Filter,  # noqa: A002
        *,
        after: Cursor | None = None,
        before: Cursor | None = None,
        limit: int = DEFAULT_LIMIT,
        max_bytes: int = DEFAULT_MAX_BYTES,
        budget_s: float = DEFAULT_BUDGET_S,
    ) -> SearchPage:
        """The events within the scope that `filter_match.matches` lets through for its sight: the newest first, below
        `before` if it is given, or the oldest first above `after`; with both, the oldest first between them.

        At most `limit` events and `max_bytes` of data, but always one event if there is one. It takes about `budget_s`
        seconds at most, and says so when that was too little (`SearchPage.complete`). Raises `RefusalError`:
        CURSOR_EXPIRED for another epoch, INVALID_CURSOR for a place beyond the head.
        """
        return await self._search.page(scope, filter, after, before, SearchBounds(limit, max_bytes, budget_s))

    async def get(self, scope: OrganizationScope, cursor: Cursor) -> StoredEvent | None:
        """The event at this place; None when there is none, or when it is of another epoch or organization."""
        return await self._database.run_reading(reading.get(scope, cursor))

    async def counted_since(self, scope: OrganizationScope, since: datetime) -> RecentCounts:
        """How many events of each name the log has that were received from `since` on, within what one question may
        cost.
        """
        async with self._database.read() as connection:
            return await recent_counts(connection, scope, since)

    async def prune_fingerprints(self, older_than: datetime) -> int:
        """Fingerprints first seen before `older_than` are forgotten; returns how many there were."""
        limit_s = int(older_than.timestamp())
        total = 0
        while True:
            async with self._database.write() as connection:
                pruned, done = await _prune(connection, limit_s)
            total += pruned
            if done:
                return total


async def _prune(connection: AsyncConnection, limit_s: int) -> tuple[int, bool]:
    """Forget the oldest rows as far as they are old enough; returns how many, and whether that was all."""
    column = event_fingerprints.c
    oldest = select(column.fingerprint_id, column.seen_s).order_by(column.fingerprint_id).limit(_PRUNED_AT_ONCE)
    rows = (await connection.execute(oldest)).all()
    old = list(takewhile(lambda row: row.seen_s < limit_s, rows))
    if old:
        await connection.execute(delete(event_fingerprints).where(column.fingerprint_id <= old[-1].fingerprint_id))
    return len(old), len(old) < _PRUNED_AT_ONCE
