"""How much of an event its reader may see: all of it, or its metadata (who, what and when)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

PAIRING_EVENTS = frozenset({"qrcode.updated"})
"""Whoever reads their data can take over the instance's WhatsApp account."""

_METADATA = frozenset(
    {
        *("id", "key", "keyId", "messageId", "remoteJid", "remoteJidAlt", "participant", "participantAlt", "fromMe"),
        *("status", "messageType", "messageTimestamp", "source", "state", "statusReason", "instance", "instanceId"),
        *("unreadMessages", "unreadCount", "timestamp", "action", "participants"),
        *("isLatest", "progress", "count", "type", "from", "isGroup", "date"),
    }
)
"""Members that say who, what and when. Whatever is not listed counts as content: Evolution adds members at will."""

_MAX_TEXT = 256
"""Longer texts are content, whatever they are called."""
_MAX_DEPTH = 4
_ADDRESS = re.compile(r"[0-9A-Za-z._:-]+@[0-9a-z.]+")
"""A WhatsApp address (JID): the only text that counts as metadata without a member that says what it is."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a reader may see beyond metadata: `content` of messages, contacts and the like; `pairing` codes."""

    content: bool = True
    pairing: bool = True

    def is_whole(self, event: str) -> bool:
        """Whether the event of this name is shown with all that it holds."""
        return self.pairing if event in PAIRING_EVENTS else self.content


ALL_SEEN = Sight()


def withheld(event: str) -> str:
    """What is kept back from whoever may not see the event of this name whole: `pairing` or `content`."""
    return "pairing" if event in PAIRING_EVENTS else "content"


def is_metadata(path: tuple[str | int | None, ...]) -> bool:
    """Whether values at `path` (members' names; indexes of arrays; None for any) can be seen without the right to
    content, in events other than those for pairing.
    """
    return len(path) <= _MAX_DEPTH and all(step in _METADATA for step in path if isinstance(step, str))


def metadata(event: str, data: bytes | None) -> bytes:
    """The JSON of what may be seen of `data` (JSON in UTF-8) without the right to its content; null for pairing."""
    if event in PAIRING_EVENTS or data is None:
        return b"null"
    return orjson.dumps(_reduced(orjson.loads(data), _MAX_DEPTH, named=False))


def _reduced(value: Any, depth: int, *, named: bool) -> Any:
    if isinstance(value, dict):
        if not depth:
            return None
        return {name: _reduced(part, depth - 1, named=True) for name, part in value.items() if name in _METADATA}
    if isinstance(value, list):
        return [_reduced(part, depth - 1, named=named) for part in value] if depth else None
    if isinstance(value, str) and (len(value) > _MAX_TEXT or not (named or _ADDRESS.fullmatch(value))):
        return None
    return value
