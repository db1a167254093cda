from __future__ import annotations

import contextlib
import json
import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.decode.limits import FrameError
from ponteio.decode.packet_json import parse
from ponteio.model.outcome import MALFORMED_JSON

JAVASCRIPT_TEXT = st.text(st.characters(codec=None, categories=None), max_size=20)


def refused(payload: bytes) -> str:
    with pytest.raises(FrameError) as caught:
        parse(payload)
    assert caught.value.outcome is MALFORMED_JSON
    return caught.value.detail


def test_half_of_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert parse(b'["a\\ud83d","\\uDE00b",{"k\\udfff":1},"\\ud83d\\ude00"]') == [
        "a\ufffd",
        "\ufffdb",
        {"k\ufffd": 1},
        "\U0001f600",
    ]


def test_a_lone_surrogate_does_not_hide_another_fault() -> None:
    refused(b'["\\ud83d",NaN]')
    refused(b'["\\ud83d",-Infinity]')
    refused(b'["\\ud83d",1e999]')
    refused(b'["\\ud83d"')
    refused(b'["\\ud83d\xff"]')
    refused(b'["\\ud83d\xed\xa0\x80"]')
    refused(b'["\\ud83d"' + b"[" * 200_000)
    refused(b'["\\ud83d",' + b"[" * 200_000 + b"]" * 200_001)


@pytest.mark.parametrize(
    "payload", [b"", b"NaN", b"[Infinity]", b"[1e999]", b"\xef\xbb\xbf[]", b"[\xff]", b"[1,]", b"\0"]
)
def test_what_json_stringify_never_sends_is_refused(payload: bytes) -> None:
    refused(payload)


def test_the_reason_repeats_nothing_of_the_frame() -> None:
    assert "tok-alpha" not in refused(b'{"apikey":"tok-alpha"')
    assert "tok-alpha" not in refused(b'{"apikey":"tok-alpha\\ud83d"')


@pytest.mark.parametrize("surrogate", [b"", b'"\\ud83d",'])
@pytest.mark.parametrize(
    "digits",
    [b"18446744073709551615", b"-9223372036854775808", b"18446744073709552000", b"-9223372036854775809", b"1" * 300],
)
def test_integers_of_any_length_stay_the_numbers_that_javascript_sees(digits: bytes, surrogate: bytes) -> None:
    values = parse(b"[" + surrogate + digits + b"]")
    assert isinstance(values, list)
    assert float(values[-1]) == float(digits)
    orjson.dumps(values)


def test_integers_within_64_bits_stay_exact_beside_a_lone_surrogate() -> None:
    assert parse(b'["\\ud83d",9007199254740993,18446744073709551615]') == ["\ufffd", 9007199254740993, 2**64 - 1]


@given(st.lists(JAVASCRIPT_TEXT, max_size=5))
def test_every_text_that_javascript_can_hold_is_read(texts: list[str]) -> None:
    sent = json.dumps(texts)
    assert parse(sent.encode()) == [re.sub("[\ud800-\udfff]", "\ufffd", text) for text in json.loads(sent)]


@given(st.binary(max_size=40))
def test_any_bytes_give_a_value_or_a_named_refusal(payload: bytes) -> None:
    with contextlib.suppress(FrameError):
        parse(payload)
