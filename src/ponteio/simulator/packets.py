"""Socket.IO event packets, encoded once per event and shared by every recipient.

Source: socket.io-protocol v5. Text is compact UTF-8 JSON as `JSON.stringify` makes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

Frame = str | bytes


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """The namespace-free part of an event packet: its JSON array and its binary attachments in order."""

    text: str
    attachments: tuple[bytes, ...]

    def frames(self, namespace: str) -> list[Frame]:
        """The packet for `namespace`: one text frame, then one binary frame per attachment."""
        kind = f"5{len(self.attachments)}-" if self.attachments else "2"
        prefix = "" if namespace == "/" else f"{namespace},"
        return [f"{kind}{prefix}{self.text}", *self.attachments]


def encode_event(event: str, argument: Any) -> EncodedEvent:
    """Encode `[event, argument]`; every bytes leaf of `argument` becomes a placeholder and an attachment."""
    attachments: list[bytes] = []
    take = _extractor(attachments)
    try:
        text = orjson.dumps([event, argument], default=take).decode()
    except TypeError:
        # Lone surrogates, integers above 64 bits and very deep nesting are beyond orjson, not beyond JSON.
        attachments.clear()
        text = json.dumps([event, argument], default=take, separators=(",", ":"))
    return EncodedEvent(text, tuple(attachments))


def _extractor(attachments: list[bytes]) -> Callable[[Any], dict[str, Any]]:
    def take(leaf: Any) -> dict[str, Any]:
        if not isinstance(leaf, bytes | bytearray):
            raise TypeError(f"{type(leaf).__name__} is not JSON")
        attachments.append(bytes(leaf))
        return {"_placeholder": True, "num": len(attachments) - 1}

    return take
