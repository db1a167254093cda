"""Every event that Evolution API 2.3.7 emits: its names, who emits it, and where it can be heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

BAILEYS = "WHATSAPP-BAILEYS"
META = "WHATSAPP-BUSINESS"
EVOLUTION = "EVOLUTION"
INTEGRATIONS = frozenset({BAILEYS, META, EVOLUTION})


@dataclass(frozen=True, slots=True)
class EventKind:
    """One event by its wire name.

    `config_name` is what Evolution's settings call it; `integrations` are the channels that emit it. When
    `reaches_namespace` is false, only the global link can hear it.
    """

    name: str
    config_name: str
    integrations: frozenset[str]
    reaches_namespace: bool = True
    emitted: bool = True

    @property
    def family(self) -> str:
        """What stands before the first dot: the family that the filter `family.*` takes."""
        return self.name.partition(".")[0]


def _by_name(*kinds: EventKind) -> Mapping[str, EventKind]:
    return MappingProxyType({kind.name: kind for kind in kinds})


_BAILEYS_ONLY = frozenset({BAILEYS})
_NOBODY: frozenset[str] = frozenset()

CATALOGUE: Mapping[str, EventKind] = _by_name(
    EventKind("qrcode.updated", "QRCODE_UPDATED", _BAILEYS_ONLY),
    EventKind("messages.set", "MESSAGES_SET", _BAILEYS_ONLY),
    EventKind("messages.upsert", "MESSAGES_UPSERT", INTEGRATIONS),
    EventKind("messages.edited", "MESSAGES_EDITED", _BAILEYS_ONLY),
    EventKind("messages.update", "MESSAGES_UPDATE", frozenset({BAILEYS, META})),
    EventKind("messages.delete", "MESSAGES_DELETE", frozenset({BAILEYS, META})),
    EventKind("send.message", "SEND_MESSAGE", INTEGRATIONS),
    EventKind("send.message.update", "SEND_MESSAGE_UPDATE", _BAILEYS_ONLY),
    EventKind("contacts.upsert", "CONTACTS_UPSERT", INTEGRATIONS),
    EventKind("contacts.update", "CONTACTS_UPDATE", frozenset({BAILEYS, META})),
    EventKind("presence.update", "PRESENCE_UPDATE", _BAILEYS_ONLY),
    EventKind("chats.set", "CHATS_SET", _BAILEYS_ONLY),
    EventKind("chats.upsert", "CHATS_UPSERT", frozenset({BAILEYS, EVOLUTION})),
    EventKind("chats.update", "CHATS_UPDATE", frozenset({BAILEYS, EVOLUTION})),
    EventKind("chats.delete", "CHATS_DELETE", _BAILEYS_ONLY),
    EventKind("groups.upsert", "GROUPS_UPSERT", _BAILEYS_ONLY),
    # Evolution filters this one by GROUPS_UPDATE, a name that its own settings refuse: no namespace ever gets it.
    EventKind("groups.update", "GROUP_UPDATE", _BAILEYS_ONLY, reaches_namespace=False),
    EventKind("group-participants.update", "GROUP_PARTICIPANTS_UPDATE", _BAILEYS_ONLY),
    EventKind("connection.update", "CONNECTION_UPDATE", _BAILEYS_ONLY),
    EventKind("labels.edit", "LABELS_EDIT", _BAILEYS_ONLY),
    EventKind("labels.association", "LABELS_ASSOCIATION", _BAILEYS_ONLY),
    EventKind("call", "CALL", _BAILEYS_ONLY),
    EventKind("typebot.start", "TYPEBOT_START", INTEGRATIONS),
    EventKind("typebot.change-status", "TYPEBOT_CHANGE_STATUS", INTEGRATIONS),
    EventKind("remove.instance", "REMOVE_INSTANCE", INTEGRATIONS),
    EventKind("logout.instance", "LOGOUT_INSTANCE", _BAILEYS_ONLY),
    EventKind("instance.create", "INSTANCE_CREATE", INTEGRATIONS),
    EventKind("instance.delete", "INSTANCE_DELETE", INTEGRATIONS),
    EventKind("status.instance", "STATUS_INSTANCE", _BAILEYS_ONLY),
)

NEVER_EMITTED: Mapping[str, EventKind] = _by_name(
    EventKind("application.startup", "APPLICATION_STARTUP", _NOBODY, reaches_namespace=False, emitted=False),
    EventKind("contacts.set", "CONTACTS_SET", _NOBODY, reaches_namespace=False, emitted=False),
)
"""Names that Evolution's settings accept and that no line of it emits."""

CONFIG_NAMES = frozenset(kind.config_name for kind in (*CATALOGUE.values(), *NEVER_EMITTED.values()))
"""All that `POST /websocket/set` accepts in `events`."""

_SPELLINGS = {
    spelling: kind.name
    for kind in (*NEVER_EMITTED.values(), *CATALOGUE.values())
    for spelling in (kind.name, kind.config_name.lower(), kind.name.replace(".", "_").replace("-", "_"))
}


def canonical(name: str) -> str:
    """The wire name that `name` spells (`messages.upsert` for `MESSAGES_UPSERT`); others come back as they are."""
    return _SPELLINGS.get(name.lower(), name)


OTHER = "other"


def counted(name: str) -> str:
    """The catalogue name that `name` spells, or `other`: whoever counts by event has few names, whatever arrives."""
    known = canonical(name)
    return known if known in CATALOGUE else OTHER
