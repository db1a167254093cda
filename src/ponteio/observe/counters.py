"""Counted outcomes: what happened, how often, since the process started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Counters:
    """Totals by name, for one event loop. Names are a fixed vocabulary, never content, instance names or ids.

    `refused` is keyed by outcome code, `events` by wire name (unknown names share `other`).
    """

    def __init__(self) -> None:
        self._totals: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._events: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        """Add `amount` to the total called `name`."""
        self._totals[name] += amount

    def refuse(self, code: str, amount: int = 1) -> None:
        """Count a refusal by its outcome code."""
        self._refused[code] += amount

    def event(self, name: str) -> None:
        """Count a stored event by its catalogue name."""
        self._events[name] += 1

    def total(self, name: str) -> int:
        return self._totals[name]

    @property
    def totals(self) -> Mapping[str, int]:
        return dict(self._totals)

    @property
    def refused(self) -> Mapping[str, int]:
        return dict(self._refused)

    @property
    def events(self) -> Mapping[str, int]:
        return dict(self._events)
