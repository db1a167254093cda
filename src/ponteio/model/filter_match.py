"""Whether an event passes a filter: the one definition, for live events, history, exports and alerts alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ponteio.model.event import ShownEvent
from ponteio.model.event_facts import json_key
from ponteio.model.filter import EventFilter
from ponteio.model.filter_tree import (
    AllOf,
    AnyOf,
    ChatIs,
    DataIs,
    EventIs,
    Filter,
    FromMe,
    IdIs,
    InstanceIs,
    Node,
    Not,
    OriginIs,
    Since,
    TextHas,
    Until,
)
from ponteio.model.sight import Sight


def matches(wanted: Filter, event: ShownEvent, sight: Sight) -> bool:
    """Whether `event` passes, for a reader with this sight: what the reader may not see is not there, so that no
    filter tells anything of it.
    """
    return _holds(wanted.root, event, sight)


def _holds(node: Node, event: ShownEvent, sight: Sight) -> bool:
    return _CHECKS[type(node)](node, event, sight)


def _event(node: EventIs, event: ShownEvent, _sight: Sight) -> bool:
    return EventFilter(None, node.patterns).matches("", event.event)


def _instance(node: InstanceIs, event: ShownEvent, _sight: Sight) -> bool:
    return event.instance in node.names or any(map(event.instance.startswith, node.prefixes))


def _chat(node: ChatIs, event: ShownEvent, sight: Sight) -> bool:
    facts = event.facts(sight)
    return any(
        (chat in facts.chats) if chat.server is not None else (chat.user in facts.chat_users) for chat in node.chats
    )


def _data(node: DataIs, event: ShownEvent, sight: Sight) -> bool:
    return any(json_key(value) in node.keys for value in event.facts(sight).values(node.path))


def _text(node: TextHas, event: ShownEvent, sight: Sight) -> bool:
    facts = event.facts(sight)
    return any(map(facts.says, node.phrases))


_CHECKS: dict[type, Callable[[Any, ShownEvent, Sight], bool]] = {
    AllOf: lambda node, event, sight: all(_holds(part, event, sight) for part in node.parts),
    AnyOf: lambda node, event, sight: any(_holds(part, event, sight) for part in node.parts),
    Not: lambda node, event, sight: not _holds(node.part, event, sight),
    EventIs: _event,
    InstanceIs: _instance,
    OriginIs: lambda node, event, _: event.origin in node.origins,
    FromMe: lambda node, event, sight: node.value in event.facts(sight).from_me,
    ChatIs: _chat,
    IdIs: lambda node, event, sight: not node.ids.isdisjoint(event.facts(sight).ids),
    DataIs: _data,
    TextHas: _text,
    Since: lambda node, event, _: event.received_at >= node.moment,
    Until: lambda node, event, _: event.received_at < node.moment,
}
