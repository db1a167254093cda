"""What a filter means: a tree of terms, and its one spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from ponteio.model.event_facts import Path
from ponteio.model.filter import EventFilter
from ponteio.model.jid import Jid
from ponteio.model.sight import is_metadata


@dataclass(frozen=True, slots=True)
class EventIs:
    """The event's name is one of these, or of one of these families (`messages.*`)."""

    patterns: frozenset[str]


@dataclass(frozen=True, slots=True)
class InstanceIs:
    """The instance's name is one of `names` or begins with one of `prefixes`."""

    names: frozenset[str]
    prefixes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OriginIs:
    """The event came live or by back-fill."""

    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class FromMe:
    """A message of the event is the instance's own, or is not."""

    value: bool


@dataclass(frozen=True, slots=True)
class ChatIs:
    """One of these addresses is among the event's chats and those who take part in them."""

    chats: frozenset[Jid]


@dataclass(frozen=True, slots=True)
class IdIs:
    """One of these is among the event's ids."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class DataIs:
    """A value at `path` of the data equals one of `keys`, which are spelled as `event_facts.json_key` does."""

    path: Path
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class TextHas:
    """One of these phrases (folded words, at least one) is in a text of the event's messages."""

    phrases: frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Since:
    """Received at this moment or later."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class Until:
    """Received before this moment."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one holds; with none, always."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The other does not hold."""

    part: Node


Leaf: TypeAlias = EventIs | InstanceIs | OriginIs | FromMe | ChatIs | IdIs | DataIs | TextHas | Since | Until
Node: TypeAlias = Leaf | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events a reader wants. Two filters that are spelled alike by `to_text` are equal."""

    root: Node = AllOf(())

    @classmethod
    def of(cls, wanted: EventFilter) -> Filter:
        """The filter that lets through what `wanted` does."""
        terms: list[Node] = []
        if wanted.instances is not None:
            terms.append(InstanceIs(wanted.instances))
        if wanted.events is not None:
            terms.append(event_is(wanted.events))
        return cls(all_of(terms))

    @property
    def is_everything(self) -> bool:
        return self.root == AllOf(())

    @property
    def reads_content(self) -> bool:
        """Whether it asks for what a reader without the right to content does not see: for such a reader these terms
        never hold.
        """
        return any(
            isinstance(leaf, TextHas) or (isinstance(leaf, DataIs) and not is_metadata(leaf.path))
            for leaf in self.leaves
        )

    @property
    def plain(self) -> EventFilter | None:
        """The filter of instances and event patterns that means the same, if only such terms spell this one."""
        parts = self.root.parts if isinstance(self.root, AllOf) else (self.root,)
        instances = [part.names for part in parts if isinstance(part, InstanceIs) and not part.prefixes]
        patterns = [part.patterns for part in parts if isinstance(part, EventIs)]
        if len(instances) > 1 or len(patterns) > 1 or len(instances) + len(patterns) < len(parts):
            return None
        return EventFilter(instances[0] if instances else None, patterns[0] if patterns else None)

    @property
    def leaves(self) -> list[Leaf]:
        """The terms, in the order of their spelling."""
        return list(_leaves(self.root))

    def with_instances(self, known: Collection[str]) -> Filter:
        """The filter with the names that they stand for, among `known`, in place of beginnings of names."""
        return Filter(_with_instances(self.root, known))

    def also(self, other: Filter) -> Filter:
        """The filter that lets through what both do."""
        return Filter(all_of([self.root, other.root]))


EVERY = Filter()
"""Lets everything through."""


def all_of(parts: Iterable[Node]) -> Node:
    """The conjunction, without needless nesting."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AllOf) else (part,))]
    return flat[0] if len(flat) == 1 else AllOf(tuple(flat))


def any_of(parts: Iterable[Node]) -> Node:
    """The disjunction of at least one, without needless nesting."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AnyOf) else (part,))]
    return flat[0] if len(flat) == 1 else AnyOf(tuple(flat))


def negation(part: Node) -> Node:
    """The opposite, without needless nesting."""
    return part.part if isinstance(part, Not) else Not(part)


def event_is(patterns: Iterable[str]) -> Node:
    """The term for these patterns, of which `*` lets every event through."""
    found = frozenset(patterns)
    return AllOf(()) if "*" in found else EventIs(found)


def to_text(wanted: Filter) -> str:
    """The one spelling of the filter, which the parser reads back as an equal one if it is within the parser's bounds;
    empty for `EVERY`. Moments are spelled out, never relative.
    """
    return "" if wanted.is_everything else _spelled(wanted.root)


_BARE = re.compile(r'[^\s():,"*\\-][^\s(),"*\\]*')
_BARE_SEGMENT = re.compile(r"[A-Za-z_][\w-]*")
_SCALAR = re.compile(r"null|true|false|-?[0-9].*", re.DOTALL)


def quoted(text: str) -> str:
    """`text` in quotes, as the grammar spells it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _with_instances(node: Node, known: Collection[str]) -> Node:
    if isinstance(node, InstanceIs):
        return InstanceIs(node.names.union(name for name in known if any(map(name.startswith, node.prefixes))))
    if isinstance(node, AllOf):
        return AllOf(tuple(_with_instances(part, known) for part in node.parts))
    if isinstance(node, AnyOf):
        return AnyOf(tuple(_with_instances(part, known) for part in node.parts))
    return Not(_with_instances(node.part, known)) if isinstance(node, Not) else node


def _leaves(node: Node) -> Iterable[Leaf]:
    if isinstance(node, AllOf | AnyOf):
        for part in node.parts:
            yield from _leaves(part)
    elif isinstance(node, Not):
        yield from _leaves(node.part)
    else:
        yield node


def _spelled(node: Node) -> str:
    if isinstance(node, Not):
        return f"-{_enclosed(node.part, AllOf, AnyOf)}"
    if isinstance(node, AllOf):
        return " ".join(_enclosed(part, AnyOf) for part in node.parts) or "event:*"
    if isinstance(node, AnyOf):
        return " OR ".join(map(_spelled, node.parts))
    return _TERMS[type(node)](node)


def _enclosed(node: Node, *kinds: type) -> str:
    """Between parentheses if it is of these kinds and has more than one part."""
    inside = _spelled(node)
    return f"({inside})" if isinstance(node, AllOf | AnyOf) and isinstance(node, kinds) and node.parts else inside


def _word(text: str) -> str:
    return text if _BARE.fullmatch(text) else quoted(text)


def _pattern(text: str) -> str:
    """An event pattern: its star, if any, outside of the quotes."""
    return _word(text[:-1]) + "*" if text.endswith(".*") else _word(text)


def _names(leaf: InstanceIs) -> str:
    spelled = [_word(name) for name in sorted(leaf.names)] + [_word(prefix) + "*" for prefix in sorted(leaf.prefixes)]
    return f"inst:{','.join(spelled)}"


def _values(name: str, values: Iterable[str]) -> str:
    return f"{name}:{','.join(values)}"


def _data(leaf: DataIs) -> str:
    path = "".join(_segment(step) for step in leaf.path)
    return _values(f"data{path}", [_scalar(key) for key in sorted(leaf.keys)])


def _segment(step: str | int | None) -> str:
    if step is None:
        return "[]"
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step if _BARE_SEGMENT.fullmatch(step) else quoted(step)}"


def _scalar(key: str) -> str:
    if not key.startswith('"'):
        return key
    text = key[1:]
    return quoted(text) if _SCALAR.fullmatch(text) else _word(text)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


_TERMS: dict[type, Callable[[Any], str]] = {
    EventIs: lambda leaf: _values("event", map(_pattern, sorted(leaf.patterns))),
    InstanceIs: _names,
    OriginIs: lambda leaf: _values("origin", sorted(leaf.origins)),
    FromMe: lambda leaf: f"fromMe:{'true' if leaf.value else 'false'}",
    ChatIs: lambda leaf: _values("chat", sorted(_word(str(chat)) for chat in leaf.chats)),
    IdIs: lambda leaf: _values("id", map(_word, sorted(leaf.ids))),
    DataIs: _data,
    TextHas: lambda leaf: _values("text", [quoted(" ".join(phrase)) for phrase in sorted(leaf.phrases)]),
    Since: lambda leaf: f"since:{_moment(leaf.moment)}",
    Until: lambda leaf: f"until:{_moment(leaf.moment)}",
}
