"""Socket.IO's binary attachments put where their placeholders stand (Socket.IO protocol 5, binary events)."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any

from ponteio.decode.limits import FrameError
from ponteio.model.outcome import BAD_ATTACHMENT

MARK = "$base64"
"""Bytes are told from text by the only member of their object: `{"$base64": "AAEC"}` (RFC 4648, section 4)."""


def marked(content: bytes) -> object:
    """The JSON form of bytes."""
    return {MARK: b2a_base64(content, newline=False).decode("ascii")}


def place(packet: list[object], leaves: Sequence[object]) -> None:
    """Put `leaves[n]` where `packet` has the placeholder `n`, in place. Each leaf is used exactly once.

    A placeholder is an object whose `_placeholder` is true, whatever else it holds (socket.io-parser 4.2). Without
    leaves nothing is looked at: in a packet without attachments such an object is ordinary data.
    Raises `FrameError` with BAD_ATTACHMENT for a placeholder that names no leaf or a used one, and for leaves without
    a place.
    """
    if not leaves:
        return
    unused = set(range(len(leaves)))
    waiting: list[Any] = [packet]
    while waiting:
        container = waiting.pop()
        for at, value in container.items() if isinstance(container, dict) else enumerate(container):
            kind = type(value)
            if kind is dict and value.get("_placeholder") is True:
                container[at] = leaves[_take(value.get("num"), unused)]
            elif kind is dict or kind is list:
                waiting.append(value)
    if unused:
        raise FrameError(BAD_ATTACHMENT, f"{len(unused)} of {len(leaves)} attachments have no place")


def _take(number: object, unused: set[int]) -> int:
    if type(number) is not int or number not in unused:
        raise FrameError(BAD_ATTACHMENT, "a placeholder names no attachment, or one that is already placed")
    unused.remove(number)
    return number
