"""One line of text for one event: what happened, to whom, in how few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

TEXT_CHARS = 60


def summary(event: str, data: object) -> str:
    """A short summary of `data`, the event's decoded JSON. Numbers of people are masked; never raises."""
    if isinstance(data, list):
        return f"{len(data)} item{'' if len(data) == 1 else 's'}"
    if not isinstance(data, Mapping):
        return ""
    make = _TEMPLATES.get(event)
    return clean(make(data) if make else _fallback(data))


def clean(text: str) -> str:
    """`text` on one line, without control characters, cut to what fits."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= TEXT_CHARS * 2 else line[: TEXT_CHARS * 2 - 1] + "…"


def shown(text: str) -> str:
    """`text` with its line ends and tabs, and every other character that a terminal might obey written out: colours,
    the cursor, the direction of writing.
    """
    return "".join(char if char.isprintable() or char in "\n\t" else _written_out(char) for char in text)


def _written_out(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def masked(jid: object) -> str:
    """A JID with the middle of its number hidden: `5511•••4444`."""
    number = jid.split("@")[0] if isinstance(jid, str) else ""
    return f"{number[:4]}•••{number[-4:]}" if len(number) > 8 else number


def _message(data: Mapping[str, Any]) -> str:
    key = _mapping(data.get("key"))
    arrow = "→" if key.get("fromMe") else "←"
    return f"{arrow} {masked(key.get('remoteJid'))} {_body(_mapping(data.get('message')), data.get('messageType'))}"


def _body(message: Mapping[str, Any], kind: object) -> str:
    text = message.get("conversation")
    if isinstance(text, str):
        return text[:TEXT_CHARS]
    for part in message.values():
        caption = part.get("caption") if isinstance(part, Mapping) else None
        if isinstance(caption, str):
            return f"[{kind}] {caption[:TEXT_CHARS]}"
    return f"[{kind or 'message'}]"


def _update(data: Mapping[str, Any]) -> str:
    return f"{masked(data.get('remoteJid'))} {data.get('status', '')} {data.get('keyId', '')}"


def _connection(data: Mapping[str, Any]) -> str:
    reason = data.get("statusReason", data.get("disconnectionReasonCode", ""))
    return f"{data.get('state', data.get('status', ''))} ({reason})"


def _presence(data: Mapping[str, Any]) -> str:
    kinds = [_mapping(it).get("lastKnownPresence") for it in _mapping(data.get("presences")).values()]
    return f"{masked(data.get('id'))} {', '.join(str(kind) for kind in kinds)}"


def _fallback(data: Mapping[str, Any]) -> str:
    for name in ("remoteJid", "id", "chatId"):
        if name in data:
            return masked(data[name])
    return ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


_TEMPLATES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "messages.upsert": _message,
    "send.message": _message,
    "messages.update": _update,
    "connection.update": _connection,
    "status.instance": _connection,
    "presence.update": _presence,
    "qrcode.updated": lambda data: "scan it: " + ("new QR code" if "qrcode" in data else str(data.get("message", ""))),
}
