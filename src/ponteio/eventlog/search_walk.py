"""One search on its way through a log: what it asks, where it is, and what it found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ponteio.eventlog.candidate_terms import query_of
from ponteio.eventlog.column_conditions import Condition, condition_of
from ponteio.eventlog.search_reading import Stretch
from ponteio.eventlog.term_index import TermQuery
from ponteio.model.event import StoredEvent
from ponteio.model.filter_match import matches
from ponteio.model.filter_tree import Filter
from ponteio.model.identity import OrganizationScope
from ponteio.storage.database import Dialect


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked within a scope, and what is known of the answer beforehand: `condition` on columns, `query` on
    terms (None: nothing).
    """

    scope: OrganizationScope
    wanted: Filter
    epoch: str
    newest_first: bool
    condition: Condition
    query: TermQuery | None

    @classmethod
    def of(
        cls,
        scope: OrganizationScope,
        wanted: Filter,
        epoch: str,
        dialect: Dialect,
        names: Collection[str] | None,
        *,
        newest_first: bool,
    ) -> Question:
        """The question for what passes `wanted` and is within the scope. `names` are those of all instances that have
        events in the indexed part of the log, None if they are not known.
        """
        whole = Filter.of(scope.allowed).also(wanted)
        condition = condition_of(whole.root).spelled(dialect)
        query = query_of(whole if names is None else whole.with_instances(names))
        return cls(scope, wanted, epoch, newest_first, condition, query)

    @property
    def organization_id(self) -> str:
        return self.scope.organization_id

    @property
    def step(self) -> int:
        return -1 if self.newest_first else 1

    def passes(self, event: StoredEvent) -> bool:
        """Whether the event is part of the answer."""
        allowed = self.scope.allowed
        return allowed.matches(event.instance, event.event) and matches(self.wanted, event, self.scope.sight)


class Walk:
    """From one end of a range of numbers to the other. `at` is the next number to look at."""

    def __init__(self, question: Question, low: int, high: int, limit: int, max_bytes: int) -> None:
        self.question = question
        self.found: list[StoredEvent] = []
        self.at, self._end = (high, low) if question.newest_first else (low, high)
        self._limit = max(limit, 1)
        self._room = max_bytes

    @property
    def is_over(self) -> bool:
        """Whether every number was looked at."""
        return (self._end - self.at) * self.question.step < 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be found."""
        return len(self.found) >= self._limit or (bool(self.found) and self._room <= 0)

    def window(self, size: int, indexed: int) -> Stretch:
        """The next `size` numbers, as far as the index does not know them, when it is walked towards."""
        if self.question.newest_first:
            return self._stretch(max(self.at - size + 1, self._end, indexed + 1))
        return self._stretch(min(self.at + size - 1, self._end))

    def indexed_part(self, indexed: int) -> Stretch:
        """What is left of the range, as far as the index knows it."""
        return self._stretch(self._end if self.question.newest_first else min(self._end, indexed))

    def leap(self, to: int) -> None:
        """Go on at `to`: nothing before it can pass."""
        self.at = to

    def take(self, passing: Sequence[StoredEvent], reached: int) -> None:
        """Note what passed of the events up to the number `reached`."""
        step = self.question.step
        for event in passing:
            size = len(event.data) + len(event.extra or b"")
            if self.is_full or (self.found and size > self._room):
                self._room = 0
                return
            self.found.append(event)
            self._room -= size
            self.at = event.seq + step
        if not self.is_full:
            self.at = reached + step

    def _stretch(self, to: int) -> Stretch:
        return Stretch(self.question.organization_id, self.question.epoch, min(self.at, to), max(self.at, to))
