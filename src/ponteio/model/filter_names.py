"""What of a filter can be told from the names of an event alone: that is quick wherever it is asked."""

from __future__ import annotations

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.filter_tree import AllOf, EventIs, Filter, InstanceIs, Node


def narrowed(wanted: Filter) -> tuple[EventFilter, Filter | None]:
    """What every event that passes `wanted` fits by its names alone, and `wanted` itself where names do not decide."""
    if wanted.is_everything:
        return EVERYTHING, None
    instances: frozenset[str] | None = None
    events: frozenset[str] | None = None
    rest: list[Node] = []
    for part in wanted.root.parts if isinstance(wanted.root, AllOf) else (wanted.root,):
        if isinstance(part, InstanceIs) and not part.prefixes and instances is None:
            instances = part.names
        elif isinstance(part, EventIs) and events is None:
            events = part.patterns
        else:
            rest.append(part)
    return EventFilter(instances, events), wanted if rest else None
