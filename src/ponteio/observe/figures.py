"""What happened to one organization, or to the whole deployment, in a span of time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from ponteio.observe.histogram import Histogram

TOP_INSTANCES = 50
OTHERS = ""
"""All instances beyond those that are told apart. No instance has an empty name."""
_NUMBERS = ("events", "early", "reconnects", "held")
_COUNTS = ("refused", "names")
_BY_INSTANCE = ("events_of", "reconnects_of")


class Hop(StrEnum):
    """A part of an event's way."""

    EVOLUTION_TO_RECEIVED = "evolution_to_received"
    """From Evolution's `date_time`, its zone repaired, to our clock when the last byte was read."""
    RECEIVED_TO_COMMITTED = "received_to_committed"
    COMMITTED_TO_DELIVERED = "committed_to_delivered"
    """Until it was written to every socket of the organization that keeps up."""


class Figures:
    """Additive but for `sockets`, the most that were open at once.

    `early` counts events that Evolution's clock dates after their arrival: they are taken to have needed no time.
    `refused` is by outcome code, `names` counts events by catalogue name; `events_of` and `reconnects_of` are by
    instance.
    """

    __slots__ = (
        *("early", "events", "events_of", "held", "latency", "names", "reconnects", "reconnects_of", "refused"),
        "sockets",
    )

    def __init__(self) -> None:
        self.events = 0
        self.early = 0
        self.reconnects = 0
        self.held = 0
        self.sockets = 0
        self.refused: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.events_of: Counter[str] = Counter()
        self.reconnects_of: Counter[str] = Counter()
        self.latency = {hop: Histogram() for hop in Hop}

    @classmethod
    def total(cls, parts: Iterable[Figures]) -> Figures:
        """All of `parts` together."""
        found = cls()
        for part in parts:
            found.add(part)
        return found

    def add(self, other: Figures) -> None:
        """Take in all that `other` has."""
        self.events += other.events
        self.early += other.early
        self.reconnects += other.reconnects
        self.held += other.held
        self.sockets = max(self.sockets, other.sockets)
        self.refused.update(other.refused)
        self.names.update(other.names)
        self.events_of.update(other.events_of)
        self.reconnects_of.update(other.reconnects_of)
        for hop, histogram in other.latency.items():
            self.latency[hop].add(histogram)

    def spelled(self) -> str:
        """JSON in ASCII, of what is not zero; `{}` where nothing happened. Beyond `TOP_INSTANCES` instances share one
        entry.
        """
        said: dict[str, object] = {name: getattr(self, name) for name in (*_NUMBERS, "sockets") if getattr(self, name)}
        said.update({name: dict(getattr(self, name)) for name in _COUNTS if getattr(self, name)})
        said.update({name: _topped(getattr(self, name)) for name in _BY_INSTANCE if getattr(self, name)})
        latency = {hop.value: histogram.spelled() for hop, histogram in self.latency.items() if histogram.count}
        if latency:
            said["latency"] = latency
        return json.dumps(said, separators=(",", ":"))

    def add_spelled(self, text: str) -> None:
        """Take in what `spelled` gave. What is not understood is passed over: it was written by another version."""
        said = json.loads(text)
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + said.get(name, 0))
        self.sockets = max(self.sockets, said.get("sockets", 0))
        for name in (*_COUNTS, *_BY_INSTANCE):
            getattr(self, name).update(said.get(name, {}))
        for hop, histogram in self.latency.items():
            histogram.add_spelled(said.get("latency", {}).get(hop.value, {}))


def _topped(counted: Counter[str]) -> dict[str, int]:
    found = dict(counted.most_common(TOP_INSTANCES))
    others = counted.total() - sum(found.values())
    return {**found, OTHERS: found.get(OTHERS, 0) + others} if others else found
