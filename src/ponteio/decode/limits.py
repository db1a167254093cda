"""What a frame may hold, and the exception by which any step of decoding refuses one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ponteio.model.outcome import TOO_DEEP, TOO_MANY_NODES, Outcome

DEEPEST = 200


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """`max_depth` counts containers inside `data`; `max_nodes` counts values in the whole packet.

    A history sync arrives as one event of thousands of messages with some hundred values each, so that the usual
    50 000 nodes would refuse honest traffic. One million keeps what is parsed below some 200 MB.
    Raises `ValueError` for a depth that orjson (254 levels) and redaction (two calls a level) could not carry.
    """

    max_depth: int = 64
    max_nodes: int = 1_000_000

    def __post_init__(self) -> None:
        if not 0 <= self.max_depth <= DEEPEST:
            raise ValueError(f"max_depth must be between 0 and {DEEPEST}")


class FrameError(Exception):
    """The frame cannot become an event. `detail` is a sentence without anything from the frame."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


# A string that never ends is taken up to the end of the text: were it not matched, every quotation mark in it would be
# tried again as a beginning, which takes quadratic time.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_SPACE = b" \t\r\n"
_TO_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_AROUND_DATA = 2
"""The packet's array and the envelope."""


def check_limits(payload: bytes, limits: DecodeLimits) -> None:
    """Raise `FrameError` if the JSON text `payload` is nested too deeply or holds too many values.

    Counts on the text, before anything is built from it: small text can become very large objects.
    """
    openings = payload.count(b"[") + payload.count(b"{")
    if openings <= limits.max_depth and payload.count(b",") + openings < limits.max_nodes:
        return
    skeleton = _STRING.sub(b"0", payload).translate(None, _SPACE)
    if _nodes(skeleton) > limits.max_nodes:
        raise FrameError(TOO_MANY_NODES, f"more than {limits.max_nodes} values")
    if _deeper_than(limits.max_depth + _AROUND_DATA, skeleton):
        raise FrameError(TOO_DEEP, f"more than {limits.max_depth} levels")


def _nodes(skeleton: bytes) -> int:
    """Every value but the outermost follows a comma or is the first in its container."""
    containers = skeleton.count(b"[") + skeleton.count(b"{")
    empty = skeleton.count(b"[]") + skeleton.count(b"{}")
    return skeleton.count(b",") + containers - empty + 1


def _deeper_than(levels: int, skeleton: bytes) -> bool:
    """Peels the innermost containers off, one level a round. What does not close is left to the parser to refuse."""
    brackets = skeleton.translate(_TO_ONE_KIND, _NOT_BRACKETS)
    for _ in range(levels):
        peeled = brackets.replace(b"[]", b"")
        if len(peeled) == len(brackets):
            return False
        brackets = peeled
    return b"[]" in brackets
