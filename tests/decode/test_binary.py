from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.decode.binary import marked, place
from ponteio.decode.limits import FrameError
from ponteio.model.outcome import BAD_ATTACHMENT


def hole(number: object) -> dict[str, object]:
    return {"_placeholder": True, "num": number}


def test_bytes_are_told_from_text_by_their_mark() -> None:
    assert marked(b"\x00\x01\xff") == {"$base64": "AAH/"}
    assert marked(b"") == {"$base64": ""}


def test_each_attachment_goes_where_its_placeholder_stands() -> None:
    packet: list[object] = ["call", {"data": [hole(1), {"a": {"b": hole(0)}}], "x": hole(2)}]
    place(packet, ["zero", "one", "two"])
    assert packet == ["call", {"data": ["one", {"a": {"b": "zero"}}], "x": "two"}]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"a": 1}, "extra"),
        ({"a": hole(1)}, "out of range"),
        ({"a": hole(-1)}, "negative"),
        ([hole(0), hole(0)], "repeated"),
        ({"a": hole(0), "b": {"_placeholder": True}}, "no number"),
        ({"a": hole(0), "b": hole("0")}, "number as text"),
        ({"a": hole(0), "b": hole(True)}, "number as truth"),
        ({"a": hole(0), "b": hole(0.0)}, "number as fraction"),
        ({"a": hole([0])}, "number as list"),
        ({"a": hole(2**70)}, "huge"),
    ],
)
def test_placeholders_that_do_not_fit_the_attachments_are_refused(value: object, why: str) -> None:
    with pytest.raises(FrameError) as caught:
        place([value], ["only"])
    assert caught.value.outcome is BAD_ATTACHMENT, why


def test_without_attachments_a_placeholder_is_ordinary_data() -> None:
    packet: list[object] = [{"a": hole(0), "b": {"_placeholder": True}}]
    place(packet, [])
    assert packet == [{"a": hole(0), "b": {"_placeholder": True}}]


def test_only_true_makes_a_placeholder_as_in_socket_io_parser() -> None:
    ordinary = [{"_placeholder": 1, "num": 0}, {"_placeholder": "true", "num": 0}, {"_placeholder": None}]
    packet: list[object] = [*ordinary, hole(0)]
    place(packet, ["leaf"])
    assert packet == [*ordinary, "leaf"]


def test_other_members_do_not_make_it_less_of_a_placeholder() -> None:
    packet: list[object] = [{"num": 0, "_placeholder": True, "more": [1]}]
    place(packet, ["leaf"])
    assert packet == ["leaf"]


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=4), st.randoms())
def test_whatever_was_taken_apart_comes_together_again(packet: list[object], random: object) -> None:
    attachments: list[bytes] = []

    def take_apart(value: object) -> object:
        if isinstance(value, bytes):
            attachments.append(value)
            return hole(len(attachments) - 1)
        if isinstance(value, dict):
            return {name: take_apart(member) for name, member in value.items()}
        return [take_apart(item) for item in value] if isinstance(value, list) else value

    apart = take_apart(packet)
    assert isinstance(apart, list)
    place(apart, attachments)
    assert apart == packet


def test_ten_thousand_attachments_are_placed_in_one_pass() -> None:
    packet = orjson.loads(orjson.dumps([[hole(9_999 - n) for n in range(10_000)]]))
    place(packet, list(range(10_000)))
    assert packet == [list(range(9_999, -1, -1))]
