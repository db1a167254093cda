"""Where people's words are in an event's data (shapes of Evolution API 2.3 and of Baileys' message types)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TEXTS: Mapping[str, tuple[str, ...]] = {
    "extendedTextMessage": ("text", "title", "description"),
    "imageMessage": ("caption",),
    "videoMessage": ("caption",),
    "ptvMessage": ("caption",),
    "documentMessage": ("caption", "title", "fileName"),
    "locationMessage": ("name", "address", "comment"),
    "liveLocationMessage": ("caption",),
    "contactMessage": ("displayName",),
    "contactsArrayMessage": ("displayName",),
    "reactionMessage": ("text",),
    "buttonsMessage": ("text", "contentText", "footerText"),
    "buttonsResponseMessage": ("selectedDisplayText",),
    "templateButtonReplyMessage": ("selectedDisplayText",),
    "listMessage": ("title", "description", "buttonText", "footerText"),
    "listResponseMessage": ("title", "description"),
    "groupInviteMessage": ("groupName", "caption"),
    "productMessage": ("body", "footer"),
    "orderMessage": ("orderTitle", "message"),
    "eventMessage": ("name", "description"),
    "pollCreationMessage": ("name",),
    "pollCreationMessageV2": ("name",),
    "pollCreationMessageV3": ("name",),
}
"""For each content type the members that hold words. Beside these: `conversation`, `speechToText`, and `_DEEPER`."""

_DEEPER: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "pollCreationMessage": (("options", "optionName"),),
    "pollCreationMessageV2": (("options", "optionName"),),
    "pollCreationMessageV3": (("options", "optionName"),),
    "buttonsMessage": (("buttons", "buttonText", "displayText"),),
    "listMessage": (("sections", "title"), ("sections", "rows", "title"), ("sections", "rows", "description")),
    "templateMessage": (
        ("hydratedTemplate", "hydratedTitleText"),
        ("hydratedTemplate", "hydratedContentText"),
        ("hydratedTemplate", "hydratedFooterText"),
    ),
    "interactiveMessage": (("header", "title"), ("body", "text"), ("footer", "text")),
    "interactiveResponseMessage": (("body", "text"),),
}

_PLAIN = ("conversation", "speechToText")
_WRAPPED = (
    *("ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"),
    *("documentWithCaptionMessage", "editedMessage"),
)
# A wrapper in a wrapper in a wrapper is nobody's message.
_MAX_DEPTH = 6


def texts(part: Any) -> Iterator[str]:
    """The texts of one message object, of an edit of one, or of an update that brings one; none for anything else."""
    if isinstance(part, dict):
        yield from _content(part.get("message"), _MAX_DEPTH)
        yield from _content(part.get("editedMessage"), _MAX_DEPTH)


def _content(message: Any, depth: int) -> Iterator[str]:
    if not isinstance(message, dict) or not depth:
        return
    for name in _PLAIN:
        yield from _at(message, (name,))
    for kind, value in message.items():
        for member in _TEXTS.get(kind, ()):
            yield from _at(value, (member,))
        for path in _DEEPER.get(kind, ()):
            yield from _at(value, path)
        if kind in _WRAPPED and isinstance(value, dict):
            yield from _content(value.get("message", value), depth - 1)
    protocol = message.get("protocolMessage")
    if isinstance(protocol, dict):
        yield from _content(protocol.get("editedMessage"), depth - 1)


def _at(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """The texts at `path`, through every element of the lists on the way."""
    if isinstance(value, list):
        for element in value:
            yield from _at(element, path)
    elif not path:
        if isinstance(value, str):
            yield value
    elif isinstance(value, dict):
        yield from _at(value.get(path[0]), path[1:])
