"""What filters ask of an event's data: chats, ids, whose message it is, its words, and any value by its path."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, TypeAlias

import orjson

from ponteio.model.folded_text import words
from ponteio.model.jid import PERSON, Jid
from ponteio.model.message_text import texts

Path: TypeAlias = tuple[str | int | None, ...]
"""A member's name, an array's index (or a member spelled like it), or None for every element or member."""

_KEY_ADDRESSES = ("remoteJid", "remoteJidAlt", "participant", "participantAlt")
_ADDRESSES = (*_KEY_ADDRESSES, "chatId", "from")


class EventFacts:
    """The facts of one event's data (JSON as Python values), each worked out when first asked for.

    In an array, such as that of `messages.set`, every element counts.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self._parts = data if isinstance(data, list) else [data]

    @classmethod
    def of(cls, data: bytes) -> EventFacts:
        """The facts of this JSON."""
        return cls(orjson.loads(data))

    @cached_property
    def chats(self) -> frozenset[Jid]:
        """The addresses of the chats and of who takes part in them."""
        return frozenset(self._chats())

    @cached_property
    def chat_users(self) -> frozenset[str]:
        """The numbers of `chats`, whatever their servers."""
        return frozenset(chat.user for chat in self.chats)

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of messages, and those that events without a message give themselves."""
        found = [value for part in self._objects for value in _ids(part)]
        return frozenset(value for value in found if isinstance(value, str))

    @cached_property
    def from_me(self) -> frozenset[bool]:
        """Whether the messages are the instance's own; empty where nothing is said."""
        found = [value for part in self._objects for value in (part.get("fromMe"), _key(part).get("fromMe"))]
        return frozenset(value for value in found if isinstance(value, bool))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Each text of the messages as its folded words, with a space before and after each."""
        found = [" ".join(words(text)) for part in self._parts for text in texts(part)]
        return tuple(f" {line} " for line in found if line)

    def says(self, phrase: tuple[str, ...]) -> bool:
        """Whether one of the texts has these folded words side by side in this order."""
        wanted = f" {' '.join(phrase)} "
        return any(wanted in text for text in self.texts)

    def values(self, path: Path) -> Iterator[Any]:
        """The values at `path`. In an array of objects a path that begins with a name begins in every element."""
        if path and isinstance(path[0], str) and isinstance(self.data, list):
            path = (None, *path)
        return _walk(self.data, path)

    @property
    def _objects(self) -> Iterator[dict[str, Any]]:
        return (part for part in self._parts if isinstance(part, dict))

    def _chats(self) -> Iterator[Jid]:
        for part in self._parts:
            if isinstance(part, str) and "@" in part:
                yield from _jid(part)
        for part in self._objects:
            own = part.get("id")
            if isinstance(own, str) and "@" in own:
                yield from _jid(own)
            for name in _ADDRESSES:
                yield from _jid(part.get(name))
            for name in _KEY_ADDRESSES:
                yield from _jid(_key(part).get(name))


def json_key(value: Any) -> str | None:
    """A text that two scalars of JSON share if and only if they are equal; None for objects and arrays."""
    if isinstance(value, str):
        return '"' + value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, int) else None


def _walk(value: Any, path: Path) -> Iterator[Any]:
    if not path:
        yield value
        return
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        if step is None:
            for member in value.values():
                yield from _walk(member, rest)
        elif (name := str(step)) in value:
            yield from _walk(value[name], rest)
    elif isinstance(value, list):
        if step is None:
            for element in value:
                yield from _walk(element, rest)
        elif isinstance(step, int) and step < len(value):
            yield from _walk(value[step], rest)


def _key(part: dict[str, Any]) -> dict[str, Any]:
    key = part.get("key")
    return key if isinstance(key, dict) else {}


def _ids(part: dict[str, Any]) -> Iterator[Any]:
    yield _key(part).get("id")
    for name in ("keyId", "id", "messageId"):
        yield part.get(name)


def _jid(value: Any) -> Iterator[Jid]:
    """The address; a bare number is a person's, as some integrations send it."""
    jid = Jid.parse(value) if isinstance(value, str) else None
    if jid is not None:
        yield jid if jid.server is not None else Jid(jid.user, PERSON)
