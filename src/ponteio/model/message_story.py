"""What became of one WhatsApp message: its events in any order in, its true status out.

Evolution's own words must not be taken one by one: an update without a status is sent as SERVER_ACK, Meta has other
words than Baileys, every protocol message is called an edit, and acknowledgements overtake each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

_REPLIES = frozenset({"messages.upsert", "send.message", "messages.set"})
_PROTOCOL = frozenset({"messages.edited", "send.message.update"})
_EDIT = ("MESSAGE_EDIT", 14)
"""`protocolMessage.type` of an edit, as text or as the number of Baileys' enum."""
_REVOKE = ("REVOKE", 0)
_FALLBACK = "SERVER_ACK"
"""What Evolution writes where an update says nothing about the status."""


class MessageStatus(StrEnum):
    """How far a message came, from little to far. Who has read a message has also got it, whatever is said later."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"

    @property
    def rank(self) -> int:
        """The place in that order. `failed` outranks `sent`, which every failing message was before, and nothing that
        only a message that arrived can become.
        """
        return _RANKS[self]


_RANKS = {status: rank for rank, status in enumerate(MessageStatus)}
_STATUSES: Mapping[object, MessageStatus] = {
    "ERROR": MessageStatus.FAILED,
    "PENDING": MessageStatus.PENDING,
    "SERVER_ACK": MessageStatus.SENT,
    "DELIVERY_ACK": MessageStatus.DELIVERED,
    "READ": MessageStatus.READ,
    "PLAYED": MessageStatus.PLAYED,
    # Meta's.
    "SENT": MessageStatus.SENT,
    "DELIVERED": MessageStatus.DELIVERED,
    "FAILED": MessageStatus.FAILED,
}
_DELETED = "DELETED"


class StepKind(StrEnum):
    """What one event is to its message."""

    MESSAGE = "message"
    HISTORY = "history"
    STATUS = "status"
    EDIT = "edit"
    DELETION = "deletion"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a message. `status` is None where the event says nothing about it."""

    kind: StepKind
    status: MessageStatus | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A message so far. `status` is None while nothing has been said about it; the times are those of the last edit
    and of the first deletion.
    """

    status: MessageStatus | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None


def message_ids(event: str, data: Any) -> list[str]:
    """The ids (`key.id`) of the messages that the event named `event` with this data (decoded JSON) is about, each
    once; none for events that are about something else.
    """
    if event == "messages.set":
        found = [_key_id(item) for item in data] if isinstance(data, list) else []
    elif not isinstance(data, Mapping):
        found = []
    elif event == "messages.update":
        found = [_text(data.get("keyId")) or _key_id(data)]
    elif event == "messages.delete":
        found = [_key_id(data) or _text(data.get("id"))]
    elif event in _REPLIES or event in _PROTOCOL:
        found = [_key_id(data)]
    else:
        found = []
    return list(dict.fromkeys(one for one in found if one))


def step_of(event: str, data: Any, message_id: str) -> Step:
    """What the event named `event` with this data is to the message of this id."""
    if event == "messages.set":
        items = data if isinstance(data, list) else []
        return Step(StepKind.HISTORY, _furthest(_status(item) for item in items if _key_id(item) == message_id))
    if not isinstance(data, Mapping) or message_id not in message_ids(event, data):
        return Step(StepKind.OTHER)
    if event == "messages.update":
        return _update(data)
    if event == "messages.delete":
        return Step(StepKind.DELETION)
    if event in _PROTOCOL:
        return _protocol(data)
    return Step(StepKind.MESSAGE, _status(data))


def story_of(steps: Iterable[tuple[Step, datetime]]) -> Story:
    """The story that these steps tell, whatever their order, and however often one is repeated. Times: when each step
    happened.
    """
    told = list(steps)
    edits = [at for step, at in told if step.kind is StepKind.EDIT]
    deletions = [at for step, at in told if step.kind is StepKind.DELETION]
    return Story(_furthest(step.status for step, _ in told), max(edits, default=None), min(deletions, default=None))


def _update(data: Mapping[str, Any]) -> Step:
    if data.get("status") == _DELETED:
        return Step(StepKind.DELETION)
    is_edit = data.get("message") is not None
    says_nothing = data.get("status") == _FALLBACK and (is_edit or bool(data.get("pollUpdates")))
    status = None if says_nothing else _status(data)
    if is_edit:
        return Step(StepKind.EDIT, status)
    return Step(StepKind.OTHER if status is None else StepKind.STATUS, status)


def _protocol(data: Mapping[str, Any]) -> Step:
    kind = data.get("type")
    if isinstance(kind, bool):
        return Step(StepKind.OTHER)
    if kind in _EDIT:
        return Step(StepKind.EDIT)
    return Step(StepKind.DELETION if kind in _REVOKE else StepKind.OTHER)


def _status(data: Any) -> MessageStatus | None:
    said = data.get("status") if isinstance(data, Mapping) else None
    return _STATUSES.get(said) if isinstance(said, str) else None


def _furthest(statuses: Iterator[MessageStatus | None]) -> MessageStatus | None:
    return max((status for status in statuses if status is not None), key=lambda it: it.rank, default=None)


def _key_id(data: Any) -> str | None:
    key = data.get("key") if isinstance(data, Mapping) else None
    return _text(key.get("id")) if isinstance(key, Mapping) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
