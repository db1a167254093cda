"""What becomes of an addressed event, as its organization chose: stored, shown while it happens, or let go."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ponteio.decode.catalogue import counted
from ponteio.model.event import AddressedEvent, PassingEvent
from ponteio.model.event_policy import EventChoices
from ponteio.observe.counters import Counters

REMEMBERED = 50_000
"""Events that were not stored and are recognised when they come again: about 7 MB."""
STORED_REMEMBERED = 10_000
"""Stored ones, for the moment in which an organization chooses not to store them any more."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """`to_store` and `passing`, each in the order of arrival; what was let go is in neither."""

    to_store: list[AddressedEvent]
    passing: list[PassingEvent]


class Sieve:
    """Asks `choices` about each event, from memory. The choice that holds when an event comes first is that of its
    repetitions too: what was shown is not stored later, and what was stored is not shown again.

    The log recognises what it has; what is not stored is recognised here, within bounds and until the process ends.
    """

    def __init__(self, choices: Callable[[str], EventChoices], counters: Counters) -> None:
        self._choices = choices
        self._counters = counters
        self._unstored = _Memory(REMEMBERED)
        self._stored = _Memory(STORED_REMEMBERED)

    def sift(self, batch: Sequence[AddressedEvent]) -> Sifted:
        """What is to be done with each; what is not to be stored counts as dealt with."""
        sifted = Sifted([], [])
        for event in batch:
            fingerprint = event.decoded.fingerprint
            policy = self._choices(event.organization_id).of(event.decoded.event)
            if fingerprint in self._unstored or (not policy.store and fingerprint in self._stored):
                self._counters.add("events_duplicate")
            elif policy.store:
                sifted.to_store.append(event)
            else:
                self._unstored.add(fingerprint)
                self._counters.add(f"{'events_live_only' if policy.is_passing else 'events_dropped'}.{_name(event)}")
                if policy.is_passing:
                    sifted.passing.append(PassingEvent.of(event))
        return sifted

    def stored(self, batch: Sequence[AddressedEvent]) -> None:
        """These are in the log."""
        for event in batch:
            self._stored.add(event.decoded.fingerprint)


class _Memory:
    """The newest fingerprints, `size` of them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: set[bytes] = set()
        self._order: deque[bytes] = deque()

    def __contains__(self, fingerprint: bytes) -> bool:
        return fingerprint in self._known

    def add(self, fingerprint: bytes) -> None:
        if fingerprint in self._known:
            return
        self._known.add(fingerprint)
        self._order.append(fingerprint)
        if len(self._order) > self._size:
            self._known.discard(self._order.popleft())


def _name(event: AddressedEvent) -> str:
    return counted(event.decoded.event)
