"""JSON text of a packet to Python values, for everything that JavaScript's `JSON.stringify` can send."""

from __future__ import annotations

import json
import re

import orjson

from ponteio.decode.limits import FrameError
from ponteio.model.outcome import MALFORMED_JSON

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(payload: bytes) -> object:
    """The values that `payload` spells. Integers over 64 bits become floats, as they are in JavaScript.

    Half of a surrogate pair becomes U+FFFD: `JSON.stringify` sends it as an escape (ECMA-262, well-formed
    JSON.stringify) when a text was cut inside an emoji, and no UTF-8 can hold it. NaN, Infinity and numbers beyond a
    double are refused: `JSON.stringify` never sends them. Raises `FrameError` with MALFORMED_JSON.
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        if not _SURROGATE_ESCAPE.search(payload):
            raise FrameError(MALFORMED_JSON, _reason(error)) from None
    return _parse_with_surrogates(payload)


def _parse_with_surrogates(payload: bytes) -> object:
    """orjson's answer to the same text with U+FFFD for each lone surrogate; slow, and rarely needed."""
    try:
        values = json.loads(payload.decode(), parse_int=_integer)
        text = json.dumps(values, ensure_ascii=False)
        return orjson.loads(_SURROGATE.sub("\ufffd", text))
    except json.JSONDecodeError as error:
        raise FrameError(MALFORMED_JSON, _reason(error)) from None
    except UnicodeDecodeError:
        raise FrameError(MALFORMED_JSON, "not UTF-8") from None
    except RecursionError:
        raise FrameError(MALFORMED_JSON, "nested beyond what the parser takes") from None


def _integer(digits: str) -> int | float:
    """The integer, or its nearest double where 64 bits cannot hold it (`int` alone refuses more than 4 300 digits)."""
    if len(digits) <= 20 and -(2**63) <= (value := int(digits)) < 2**64:
        return value
    return float(digits)


def _reason(error: json.JSONDecodeError) -> str:
    return f"{error.msg} at {error.pos}"
