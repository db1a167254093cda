"""Which events a reader wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MAX_TERMS = 500


class FilterError(ValueError):
    """The value is not a filter. The text says where it is wrong."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Instances and event patterns, both None for "all". An event must fit both.

    A pattern is an event name, `*`, or a family followed by `.*` (`messages.*` takes `messages.upsert`).
    """

    instances: frozenset[str] | None = None
    events: frozenset[str] | None = None

    @classmethod
    def parse(cls, value: object) -> EventFilter:
        """The filter that `value` spells: None, or an object with the lists `instances` and `events`, both optional.

        Raises `FilterError` for unknown members, other types, empty lists and bad patterns: a filter that is not
        understood must not look like one that lets everything through.
        """
        if value is None:
            return EVERYTHING
        if not isinstance(value, dict):
            raise FilterError("the filter must be an object")
        unknown = sorted(str(key) for key in value if key not in ("instances", "events"))
        if unknown:
            raise FilterError(f"the filter has no member {unknown[0][:64]!r}")
        return cls.of(value.get("instances"), value.get("events"))

    @classmethod
    def of(cls, instances: object = None, events: object = None) -> EventFilter:
        """The filter for these lists of texts; None stands for "all". Raises `FilterError`."""
        names = _texts("instances", instances)
        patterns = _texts("events", events)
        for pattern in patterns or ():
            if "*" in pattern and pattern != "*" and not (pattern.endswith(".*") and pattern.count("*") == 1):
                raise FilterError(f"in events: {pattern[:64]!r} is no pattern; write a name, 'family.*' or '*'")
        return cls(names, None if patterns is None or "*" in patterns else patterns)

    @property
    def is_everything(self) -> bool:
        return self.instances is None and self.events is None

    def matches(self, instance: str, event: str) -> bool:
        """Whether the event named `event` of the instance named `instance` is wanted."""
        if self.instances is not None and instance not in self.instances:
            return False
        if self.events is None or event in self.events:
            return True
        # The families that the event belongs to are few, whatever the number of patterns.
        dot = event.find(".")
        while dot >= 0:
            if event[: dot + 1] + "*" in self.events:
                return True
            dot = event.find(".", dot + 1)
        return False


EVERYTHING = EventFilter()


def _texts(member: str, value: object) -> frozenset[str] | None:
    if value is None:
        return None
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise FilterError(f"{member} must be a list of texts")
    items = list(value)
    if not items or len(items) > MAX_TERMS:
        raise FilterError(f"{member} must have between 1 and {MAX_TERMS} items")
    if not all(isinstance(item, str) and item for item in items):
        raise FilterError(f"{member} must be a list of texts that are not empty")
    if any("\ud800" <= character <= "\udfff" for item in items for character in item):
        # No address can hold them, and no answer: what was kept with one could never be shown again.
        raise FilterError(f"{member} must be a list of texts without lone surrogates")
    return frozenset(items)
