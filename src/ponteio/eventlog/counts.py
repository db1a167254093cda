"""How many events there were: by instance, event and origin, and over time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ponteio.eventlog import reading
from ponteio.eventlog.column_conditions import ALWAYS, Condition, condition_of
from ponteio.eventlog.count_reading import DAY_S, HOUR_S, MINUTE_S, Count, Counts, Wanted, counts
from ponteio.eventlog.search import Search, SearchBounds, SearchPage
from ponteio.eventlog.spans import bounds
from ponteio.model.filter_tree import AllOf, Filter, Since, Until, all_of
from ponteio.model.identity import OrganizationScope
from ponteio.storage.database import Database

MOST_BUCKETS = 5_000
DEFAULT_SINCE = timedelta(days=30)
_PAGE = 500
_PAGE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Histogram:
    """`counts[n]` is the number of events received in the step that begins n steps after `since`, which is whole steps
    after 1970. When the time was over (`complete` is False), counts of what came before `known_from` are too small.
    """

    since: datetime
    step_s: int
    counts: list[int]
    complete: bool
    known_from: datetime


@dataclass(frozen=True, slots=True)
class Facets:
    """Events by the values of a column, the most frequent first, from `since` to `until`; `bytes` of their data. When
    the time was over (`complete` is False), not all before `known_from` was counted.
    """

    instances: dict[str, int]
    events: dict[str, int]
    origins: dict[str, int]
    count: int
    bytes: int
    since: datetime
    until: datetime
    complete: bool
    known_from: datetime


class EventCounts:
    """Counts within scopes. Whole days, hours and minutes are as they were counted when events came: events that were
    removed since then are in them. What asks for data, or for shorter times, is counted in the events that are kept.
    """

    def __init__(self, database: Database, search: Search, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._search = search
        self._clock = clock

    async def histogram(
        self,
        scope: OrganizationScope,
        filter: Filter,  # noqa: A002
        since: datetime,
        until: datetime,
        step_s: int,
        *,
        budget_s: float = 1.0,
    ) -> Histogram:
        """Events that pass, in steps of `step_s` whole seconds from the one that `since` is in to the one before
        `until`. Raises ValueError for a step below 1 s or more than `MOST_BUCKETS` steps.
        """
        first, end = int(since.timestamp() // max(step_s, 1)), -int(-until.timestamp() // max(step_s, 1))
        if step_s < 1 or not 0 < end - first <= MOST_BUCKETS:
            raise ValueError(f"a histogram has between 1 and {MOST_BUCKETS} steps of at least one second")
        since, until = datetime.fromtimestamp(first * step_s, UTC), datetime.fromtimestamp(end * step_s, UTC)
        found = await self._counts(scope, filter, since, until, step_s, budget_s)
        buckets = [0] * (end - first)
        for row in found.rows:
            buckets[row.at_s // step_s - first] += row.count
        return Histogram(since, step_s, buckets, found.complete, found.known_from)

    async def facets(
        self,
        scope: OrganizationScope,
        filter: Filter,  # noqa: A002
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        budget_s: float = 1.0,
    ) -> Facets:
        """Events that pass, by instance, event and origin; without `since` those of the last 30 days."""
        until = until or self._clock()
        since = since or until - DEFAULT_SINCE
        found = await self._counts(scope, filter, since, until, None, budget_s)
        tallies: tuple[Counter[str], Counter[str], Counter[str]] = (Counter(), Counter(), Counter())
        for row in found.rows:
            for tally, value in zip(tallies, (row.instance, row.event, row.origin), strict=True):
                tally[value] += row.count
        instances, events, origins = (dict(tally.most_common()) for tally in tallies)
        count, size = sum(row.count for row in found.rows), sum(row.size for row in found.rows)
        return Facets(instances, events, origins, count, size, since, until, found.complete, found.known_from)

    async def _counts(
        self,
        scope: OrganizationScope,
        wanted: Filter,
        since: datetime,
        until: datetime,
        step_s: int | None,
        budget_s: float,
    ) -> Counts:
        """The counts in steps of `step_s`; None: of the whole time, by names."""
        deadline = time.monotonic() + budget_s
        earliest, latest = bounds(wanted)
        since, until = max(since, earliest or since), min(until, latest or until)
        if since >= until:
            return Counts([], complete=True, known_from=since)
        timeless = _without_bounds(wanted)
        condition = condition_of(Filter.of(scope.allowed).also(timeless).root)
        if not condition.is_exact:
            timed = timeless.also(Filter(AllOf((Since(since), Until(until)))))
            return await self._by_search(scope, timed, since, until, deadline)
        is_timed = any(isinstance(leaf, Since | Until) for leaf in timeless.leaves)
        units = () if is_timed else _units(condition, step_s)
        question = Wanted(scope.organization_id, since, until, condition, units, names=step_s is None)
        await self._database.run_reading(reading.head(scope))
        script = counts(question, self._database.dialect, lambda: time.monotonic() < deadline)
        return await self._database.run_reading(script)

    async def _by_search(
        self, scope: OrganizationScope, wanted: Filter, since: datetime, until: datetime, deadline: float
    ) -> Counts:
        rows: list[Count] = []
        known_from = until
        async for page in self._pages(scope, wanted, deadline):
            for event in page.events:
                size = len(event.data) + len(event.extra or b"")
                at_s = int(event.received_at.timestamp() // 1)
                rows.append(Count(at_s, event.instance, event.event, event.origin, 1, size))
            if page.next is None:
                return Counts(rows, complete=True, known_from=since)
            known_from = min([known_from, *(event.received_at for event in page.events)])
        return Counts(rows, complete=False, known_from=known_from)

    async def _pages(self, scope: OrganizationScope, wanted: Filter, deadline: float) -> AsyncIterator[SearchPage]:
        """Pages, newest first, while there is time."""
        before = None
        while (left_s := deadline - time.monotonic()) > 0:
            page = await self._search.page(scope, wanted, None, before, SearchBounds(_PAGE, _PAGE_BYTES, left_s))
            yield page
            before = page.next
            if before is None:
                return


def _without_bounds(wanted: Filter) -> Filter:
    """The filter without the moments that `bounds` finds."""
    parts = wanted.root.parts if isinstance(wanted.root, AllOf) else (wanted.root,)
    return Filter(all_of(part for part in parts if not isinstance(part, Since | Until)))


def _units(condition: Condition, step_s: int | None) -> tuple[int, ...]:
    """The units that were counted and of which steps consist, the longest first."""
    if step_s is None:
        return (DAY_S, HOUR_S)
    # Minutes know no names, so there are fewer of them than of hours.
    counted = (DAY_S, MINUTE_S) if condition == ALWAYS else (DAY_S, HOUR_S)
    return tuple(unit for unit in counted if step_s % unit == 0)
