"""A filter that must look into events, as the sockets of one edge share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from ponteio.model.event import ShownEvent, StoredEvent
from ponteio.model.filter_match import matches
from ponteio.model.filter_tree import Filter
from ponteio.model.sight import Sight


class Question:
    """`filter`, asked by readers with this sight. Equal only to itself, so that it is quick to look up."""

    __slots__ = ("__weakref__", "filter", "sight")

    def __init__(self, wanted: Filter, sight: Sight) -> None:
        self.filter = wanted
        self.sight = sight

    def passes(self, event: ShownEvent) -> bool:
        """Whether the event is let through."""
        return matches(self.filter, event, self.sight)

    def among(self, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        """Those that are let through; what was worked out for it is not kept on them."""
        return [event for event in events if self.passes(replace(event))]


class Questions:
    """One question for each filter and sight that somebody here asks."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[tuple[Filter, Sight], Question] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._known)

    def of(self, wanted: Filter, sight: Sight) -> Question:
        """The question; the same object while somebody has it."""
        found = self._known.get((wanted, sight))
        if found is None:
            found = self._known[wanted, sight] = Question(wanted, sight)
        return found
