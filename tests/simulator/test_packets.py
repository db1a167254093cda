from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.simulator.packets import encode_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def test_a_text_event_is_one_frame_and_only_the_prefix_tells_the_namespace() -> None:
    encoded = encode_event("messages.upsert", {"text": "olá 😀", "n": None})
    assert encoded.frames("/") == ['2["messages.upsert",{"text":"olá 😀","n":null}]']
    assert encoded.frames("/Loja Centro") == ['2/Loja Centro,["messages.upsert",{"text":"olá 😀","n":null}]']


def test_every_bytes_leaf_becomes_an_attachment_in_order() -> None:
    encoded = encode_event("e", {"a": b"one", "b": [b"two", {}], "c": b""})
    head, *attachments = encoded.frames("/x")
    assert head == (
        '53-/x,["e",{"a":{"_placeholder":true,"num":0},"b":[{"_placeholder":true,"num":1},{}],'
        '"c":{"_placeholder":true,"num":2}}]'
    )
    assert attachments == [b"one", b"two", b""]


@pytest.mark.parametrize("hard", ["\ud83d", 2**70, -(2**65)])
def test_what_the_quick_encoder_cannot_write_is_written_all_the_same(hard: Any) -> None:
    encoded = encode_event("e", {"bytes": b"x", "hard": hard})
    assert json.loads(encoded.text)[1]["hard"] == hard
    assert encoded.attachments == (b"x",)


def test_a_value_that_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="object is not JSON"):
        encode_event("e", object())


@given(JSON)
def test_decoding_gives_the_argument_back(argument: Any) -> None:
    encoded = encode_event("e", argument)
    assert _fill(json.loads(encoded.text)[1], list(encoded.attachments)) == argument


def _fill(value: Any, attachments: list[bytes]) -> Any:
    if isinstance(value, dict):
        if value.get("_placeholder") is True and isinstance(value.get("num"), int):
            return attachments[value["num"]]
        return {name: _fill(member, attachments) for name, member in value.items()}
    return [_fill(item, attachments) for item in value] if isinstance(value, list) else value
