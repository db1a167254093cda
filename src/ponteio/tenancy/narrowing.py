"""What a credential was narrowed to: how it is stored, and whether one such limit lies within another."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ponteio.model.filter import EventFilter


def columns_of(allowed: EventFilter) -> dict[str, str | None]:
    """The values of the columns `instances` and `events`: JSON arrays in alphabetical order, or null for all."""
    return {"instances": _array(allowed.instances), "events": _array(allowed.events)}


def from_columns(instances: str | None, events: str | None) -> EventFilter:
    """The limits that `columns_of` wrote."""
    return EventFilter(_texts(instances), _texts(events))


def within(outer: EventFilter, asked: EventFilter) -> EventFilter | None:
    """What `asked` is inside `outer`, where "all" means all that `outer` has; None when it asks for more.

    Instances must be among those of `outer`; every pattern must be covered by one of its patterns, as `messages.*`
    covers `messages.upsert`.
    """
    instances = outer.instances if asked.instances is None else asked.instances
    events = outer.events if asked.events is None else asked.events
    if outer.instances is not None and not (instances or frozenset()) <= outer.instances:
        return None
    if outer.events is not None and not all(_is_covered(pattern, outer.events) for pattern in events or ()):
        return None
    return EventFilter(instances, events)


def _is_covered(pattern: str, by: Iterable[str]) -> bool:
    # What a family takes begins like the family; so does a narrower family.
    return any(pattern == other or (other.endswith(".*") and pattern.startswith(other[:-1])) for other in by)


def _array(texts: frozenset[str] | None) -> str | None:
    # Escaped, so that a lone surrogate in a name reaches every database.
    return None if texts is None else json.dumps(sorted(texts))


def _texts(array: str | None) -> frozenset[str] | None:
    return None if array is None else frozenset(json.loads(array))
