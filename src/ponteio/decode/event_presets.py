"""Lists of events by purpose, and every spelling of an event's name that people use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ponteio.decode.catalogue import CATALOGUE, NEVER_EMITTED, EventKind, canonical
from ponteio.model.instance_events import ALL, EventChoice
from ponteio.model.outcome import INVALID_REQUEST, RefusalError

KINDS: Mapping[str, EventKind] = MappingProxyType(
    {kind.config_name: kind for kind in (*CATALOGUE.values(), *NEVER_EMITTED.values())}
)
"""Every event that can be chosen, by setting name, in the order in which lists are shown."""

EVENT_NAMES: tuple[str, ...] = tuple(KINDS)
"""Evolution's 31 setting names."""

UNKNOWN_TO_MANAGER = frozenset(
    {"MESSAGES_EDITED", "SEND_MESSAGE_UPDATE", "INSTANCE_CREATE", "INSTANCE_DELETE", "STATUS_INSTANCE"}
)
"""Names that the picker of the official Manager lacks: saving there takes them out, whoever put them in."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A list with a purpose. `events` are setting names."""

    name: str
    purpose: str
    events: tuple[str, ...]


_LIFE = frozenset(
    {
        *("CONNECTION_UPDATE", "QRCODE_UPDATED", "STATUS_INSTANCE", "LOGOUT_INSTANCE"),
        *("INSTANCE_CREATE", "INSTANCE_DELETE", "REMOVE_INSTANCE"),
    }
)
"""Few, and without them nobody knows whether silence means peace."""
_MINIMUM = _LIFE | {"MESSAGES_UPSERT", "MESSAGES_UPDATE", "SEND_MESSAGE"}
_AUDIT = _MINIMUM | {
    *("MESSAGES_EDITED", "MESSAGES_DELETE", "SEND_MESSAGE_UPDATE", "CHATS_DELETE", "CALL"),
    *("GROUPS_UPSERT", "GROUP_PARTICIPANTS_UPDATE", "LABELS_EDIT", "LABELS_ASSOCIATION"),
    *("TYPEBOT_START", "TYPEBOT_CHANGE_STATUS"),
}
_SUPPORT = _AUDIT | {"CONTACTS_UPSERT", "CONTACTS_UPDATE", "CHATS_UPSERT", "PRESENCE_UPDATE"}


def _preset(name: str, purpose: str, chosen: Iterable[str]) -> Preset:
    names = frozenset(chosen)
    return Preset(name, purpose, tuple(each for each in EVENT_NAMES if each in names))


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            _preset("minimum", "Messages in and out, how far they got, and the life of the instance.", _MINIMUM),
            _preset(
                "support",
                "What a support desk works with: messages with their edits and deletions, contacts, new chats, labels, "
                "who is typing, calls, groups and bots that hand over.",
                _SUPPORT,
            ),
            _preset(
                "audit",
                "Who said and did what: messages with their edits and deletions, calls, groups, labels, bots. Without "
                "what passes: typing, contacts, chat lists.",
                _AUDIT,
            ),
            _preset(ALL, "Every event that Evolution API knows, history import included.", EVENT_NAMES),
        )
    }
)


def wire_name(config_name: str) -> str | None:
    """The name on the wire (`messages.upsert`) of a setting name; None for one that is not in the catalogue."""
    kind = KINDS.get(config_name)
    return None if kind is None else kind.name


def config_names(spelled: Iterable[str]) -> tuple[str, ...]:
    """The setting names of these events, each once, in the catalogue's order. Wire names, setting names and either with
    the other's separators are all understood.

    Raises `RefusalError` INVALID_REQUEST, with the first that is no event.
    """
    found = set()
    for name in spelled:
        wire = canonical(name)
        kind = CATALOGUE.get(wire) or NEVER_EMITTED.get(wire)
        if kind is None:
            raise RefusalError(INVALID_REQUEST, f"Evolution API has no event {name[:64]!r}.")
        found.add(kind.config_name)
    return tuple(each for each in EVENT_NAMES if each in found)


def choice_of(preset: str | None, events: Iterable[str] | None, *, keep: bool = False) -> EventChoice:
    """The choice that a preset's name or a list of events spells: exactly one of both.

    Raises `RefusalError` INVALID_REQUEST for both, neither, an unknown preset, an unknown event or no event at all:
    Evolution takes an empty list for all of them.
    """
    if (preset is None) == (events is None):
        raise RefusalError(INVALID_REQUEST, "Give either a preset or events.")
    if preset is not None:
        known = PRESETS.get(preset)
        if known is None:
            raise RefusalError(INVALID_REQUEST, f"There is no preset {preset[:64]!r}: {', '.join(PRESETS)}.")
        return EventChoice(known.events, preset, keep)
    names = config_names(events or ())
    if not names:
        raise RefusalError(INVALID_REQUEST, "Name at least one event.")
    return EventChoice(names, None, keep)
