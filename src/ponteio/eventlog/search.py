"""The search of a log. `matches` decides about every event; conditions on columns and the index of terms only spare it
the events that cannot pass, and what is not indexed yet is read through. So the answer never depends on the index.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from ponteio.eventlog import reading, search_reading
from ponteio.eventlog.search_reading import Found, Stretch
from ponteio.eventlog.search_walk import Question, Walk
from ponteio.eventlog.spans import Span, known_instances, span_of
from ponteio.eventlog.term_index import TermIndex
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.filter_tree import Filter, InstanceIs
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import CURSOR_EXPIRED, INVALID_CURSOR, RefusalError
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageError
from ponteio.storage.script import Script

# A search may take long: more of them at once would take the readers that live sockets need.
SEARCHES_AT_ONCE = 2
# Rows that a window without an index begins with; it grows while it finds little.
_FIRST_WINDOW = 512
_LARGEST_WINDOW = 16_384
_CANDIDATES = 64


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Events that fit, in the order of the search: newest first, or oldest first when there is an `after`.

    `next` is where to go on in the same order (as `before`, or as `after`), None when everything that was asked for has
    been looked at. `previous` is where to go in the other order (as `after`, or as `before`). `head` is the log's end
    at the time of the search. `complete` is False when the time was over before the page was full: what lies behind
    `scanned_to`, the last place that was looked at, is not known yet, and `next` goes on from there.
    """

    events: list[StoredEvent]
    next: Cursor | None
    previous: Cursor
    head: Cursor
    complete: bool
    scanned_to: Cursor


@dataclass(frozen=True, slots=True)
class SearchBounds:
    """How much one search may take: events, bytes of data (but always one event), seconds."""

    limit: int
    max_bytes: int
    budget_s: float


class Search:
    """Searches logs, a few at once."""

    def __init__(self, database: Database, index: TermIndex | None) -> None:
        self._database = database
        self._index = index
        self._turns = asyncio.Semaphore(SEARCHES_AT_ONCE)

    def use(self, index: TermIndex) -> None:
        """Ask this index from now on."""
        self._index = index

    async def page(
        self,
        scope: OrganizationScope,
        wanted: Filter,
        after: Cursor | None,
        before: Cursor | None,
        bounds: SearchBounds,
    ) -> SearchPage:
        """The page behind `EventLog.search`."""
        deadline = time.monotonic() + bounds.budget_s
        async with self._turns:
            place = await self._database.run_reading(_place(scope, wanted))
            head, span = place.head, place.span
            low, high = _range(head, after, before)
            dialect, newest_first = self._database.dialect, after is None
            question = Question.of(scope, wanted, head.epoch, dialect, place.names, newest_first=newest_first)
            walk = Walk(question, max(low, span.low), high, bounds.limit, bounds.max_bytes)
            indexed = min(await self._indexed(question), place.named_to)
            await self._go(walk, span, indexed, lambda: time.monotonic() < deadline)
        return _page(walk, head, low, high)

    async def _go(self, walk: Walk, span: Span, indexed: int, go_on: Callable[[], bool]) -> None:
        size = _FIRST_WINDOW
        while not (walk.is_over or walk.is_full):
            if span.skips(walk.at):
                walk.leap(span.beyond(walk.question.step))
                continue
            former = len(walk.found)
            if walk.at > indexed:
                await self._read(walk, walk.window(size, indexed))
            elif not await self._ask(walk, indexed, go_on):
                indexed = 0
                continue
            if len(walk.found) - former < size // 8:
                size = min(size * 2, _LARGEST_WINDOW)
            if not go_on():
                return

    async def _indexed(self, question: Question) -> int:
        """The last number that the index knows of; 0 when it is of no use."""
        if self._index is None or question.query is None:
            return 0
        try:
            place = (await self._index.progress([question.organization_id])).get(question.organization_id)
        except StorageError:
            return 0
        return place.seq if place is not None and place.epoch == question.epoch else 0

    async def _read(self, walk: Walk, stretch: Stretch) -> None:
        question = walk.question
        script = search_reading.window(stretch, question.condition, newest_first=question.newest_first)
        await self._take(walk, await self._database.run_reading(script))

    async def _ask(self, walk: Walk, indexed: int, go_on: Callable[[], bool]) -> bool:
        """Look at the next candidates of the index. False when the index does not answer."""
        question = walk.question
        if self._index is None or question.query is None:
            return False
        stretch = walk.indexed_part(indexed)
        try:
            candidates = await self._index.candidates(
                stretch, question.query, _CANDIDATES, newest_first=question.newest_first, go_on=go_on
            )
        except StorageError:
            return False
        seqs = candidates.seqs
        while seqs and not walk.is_full:
            found = await self._database.run_reading(search_reading.chosen(stretch, seqs))
            await self._take(walk, found)
            seqs = [seq for seq in seqs if (seq - found.reached) * question.step > 0]
            if seqs and not go_on():
                return True
        if not walk.is_full:
            walk.leap(candidates.reached + question.step)
        return True

    async def _take(self, walk: Walk, found: Found) -> None:
        # Reading the data of many events is work for the processor: not in the loop that serves live sockets.
        passing = await asyncio.to_thread(lambda: list(filter(walk.question.passes, found.events)))
        walk.take(passing, found.reached)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a search must know of its log. `names` are those of all instances of which there are events up to
    `named_to`; None if the filter does not ask for beginnings of names.
    """

    head: Cursor
    span: Span
    named_to: int
    names: list[str] | None


def _place(scope: OrganizationScope, wanted: Filter) -> Script[_Place]:
    head = yield from reading.head(scope)
    span = yield from span_of(scope.organization_id, wanted, head.seq)
    if not any(isinstance(leaf, InstanceIs) and leaf.prefixes for leaf in wanted.leaves):
        return _Place(head, span, head.seq, None)
    return _Place(head, span, *(yield from known_instances(scope.organization_id)))


def _range(head: Cursor, after: Cursor | None, before: Cursor | None) -> tuple[int, int]:
    """The lowest and the highest number asked for. Raises `RefusalError`."""
    for cursor, last in ((after, head.seq), (before, head.seq + 1)):
        if cursor is not None and cursor.epoch != head.epoch:
            raise RefusalError(CURSOR_EXPIRED)
        if cursor is not None and not 0 <= cursor.seq <= last:
            raise RefusalError(INVALID_CURSOR, "The cursor is beyond the end of the log.")
    return (1 if after is None else after.seq + 1), (head.seq if before is None else min(head.seq, before.seq - 1))


def _page(walk: Walk, head: Cursor, low: int, high: int) -> SearchPage:
    step = walk.question.step
    last = walk.at - step
    # A walk that leapt over what cannot fit ends outside of what was asked for.
    scanned = max(min(last, high), low - 1 if step > 0 else 0)
    following = None if walk.is_over else head.at(last)
    previous = head.at(max(high, 0)) if step < 0 else head.at(low)
    return SearchPage(
        events=walk.found,
        next=following,
        previous=previous,
        head=head,
        complete=walk.is_full or walk.is_over,
        scanned_to=head.at(scanned),
    )
