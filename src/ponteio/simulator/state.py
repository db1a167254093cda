"""What the invented Evolution knows: its instances, their settings and their messages. A pure model.

Evolution keeps two truths about an instance: the database row (kept over restarts) and the live object in memory
(lost with the process). Both are here, side by side, because its quirks come from their disagreement.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Integration = Literal["EVOLUTION", "WHATSAPP-BAILEYS", "WHATSAPP-BUSINESS"]
INTEGRATIONS: tuple[Integration, ...] = ("WHATSAPP-BAILEYS", "EVOLUTION", "WHATSAPP-BUSINESS")
ConnectionState = Literal["open", "connecting", "close"]

#: Every name `/websocket/set` accepts, in Evolution's order. GROUP_UPDATE (not GROUPS_UPDATE) is its own spelling.
EVENT_NAMES: tuple[str, ...] = (
    "APPLICATION_STARTUP", "QRCODE_UPDATED", "MESSAGES_SET", "MESSAGES_UPSERT", "MESSAGES_EDITED", "MESSAGES_UPDATE",
    "MESSAGES_DELETE", "SEND_MESSAGE", "SEND_MESSAGE_UPDATE", "CONTACTS_SET", "CONTACTS_UPSERT", "CONTACTS_UPDATE",
    "PRESENCE_UPDATE", "CHATS_SET", "CHATS_UPSERT", "CHATS_UPDATE", "CHATS_DELETE", "GROUPS_UPSERT", "GROUP_UPDATE",
    "GROUP_PARTICIPANTS_UPDATE", "CONNECTION_UPDATE", "LABELS_EDIT", "LABELS_ASSOCIATION", "CALL", "TYPEBOT_START",
    "TYPEBOT_CHANGE_STATUS", "REMOVE_INSTANCE", "LOGOUT_INSTANCE", "INSTANCE_CREATE", "INSTANCE_DELETE",
    "STATUS_INSTANCE",
)  # fmt: skip


@dataclass(slots=True)
class WebsocketRow:
    """An instance's websocket settings."""

    row_id: str
    enabled: bool
    events: list[str]
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class StoredMessage:
    """One row of the Message table: the event's data, not copied, and its database id."""

    row_id: str
    data: dict[str, Any]

    @property
    def sent_s(self) -> int:
        """When it was sent, in epoch seconds."""
        return int(self.data["messageTimestamp"])


@dataclass(slots=True)
class QrCode:
    """The login code being shown."""

    code: str
    base64: str
    count: int
    pairing_code: str | None = None


@dataclass(slots=True)
class Memory:
    """What the process holds of a loaded instance."""

    state: ConnectionState
    #: Own JID; set when a WhatsApp session opens. It is the envelope's `sender`.
    wuid: str | None = None
    qr: QrCode | None = None


@dataclass(slots=True)
class Instance:
    """One instance: its database row, and `memory` while it is loaded."""

    name: str
    instance_id: str
    integration: Integration
    token: str | None
    number: str | None
    business_id: str | None
    db_state: ConnectionState
    created_at: datetime
    updated_at: datetime
    setting_id: str
    settings: dict[str, Any]
    messages: deque[StoredMessage]
    websocket: WebsocketRow | None = None
    #: Whether a phone is paired; without, a connect shows QR codes.
    is_paired: bool = False
    owner_jid: str | None = None
    profile_name: str | None = None
    disconnected_at: datetime | None = None
    disconnection_code: int | None = None
    disconnection_object: str | None = None
    contacts: set[str] = field(default_factory=set)
    chats: set[str] = field(default_factory=set)
    #: Receipts, newest last.
    statuses: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=10_000))
    memory: Memory | None = None

    @property
    def is_baileys(self) -> bool:
        """Whether a WhatsApp Web session stands behind it."""
        return self.integration == "WHATSAPP-BAILEYS"

    def wants(self, event: str) -> bool:
        """Whether `event` (wire name) passes the instance's own filter."""
        row = self.websocket
        # `groups.update` becomes GROUPS_UPDATE, which no list can contain: it never passes, as in Evolution.
        return row is not None and row.enabled and config_name(event) in row.events

    def note(self, event: str, data: Any) -> None:
        """Keep what the database keeps of an event (its messages apart)."""
        if event == "messages.update":
            self.statuses.append(data)
            return
        table = {"contacts": self.contacts, "chats": self.chats}.get(event.partition(".")[0])
        if table is not None:
            items = data if isinstance(data, list) else [data]
            table.update(each["remoteJid"] for each in items if isinstance(each, dict) and "remoteJid" in each)

    def unload(self) -> None:
        """Forget what a process end forgets."""
        self.memory = None


def config_name(event: str) -> str:
    """The name of a wire event in the lists of `/websocket/set`."""
    return event.replace(".", "_").replace("-", "_").upper()


class World:
    """All instances by name, and the keys that open doors."""

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key
        self._instances: dict[str, Instance] = {}

    def __iter__(self) -> Iterator[Instance]:
        return iter(list(self._instances.values()))

    def __len__(self) -> int:
        return len(self._instances)

    def get(self, name: str) -> Instance | None:
        """The instance of exactly that name."""
        return self._instances.get(name)

    def add(self, instance: Instance) -> None:
        """Take a new instance; its name must be free."""
        self._instances[instance.name] = instance

    def remove(self, name: str) -> None:
        """Forget an instance with all it holds."""
        del self._instances[name]

    def by_number(self, number: str) -> Instance | None:
        """The first instance with that number, of any integration."""
        return next((each for each in self._instances.values() if each.number == number), None)

    def opens(self, key: str) -> bool:
        """Whether `key` is the global key or the token of any instance."""
        return key == self.api_key or any(each.token == key for each in self._instances.values())
