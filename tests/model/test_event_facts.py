from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.filter_drawing import DATA, DATA_BYTES

from ponteio.model.event_facts import EventFacts, json_key
from ponteio.model.jid import Jid

UPSERT = {
    "key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": False, "id": "3EB0", "participant": "9:1@lid"},
    "message": {"conversation": "Oi, tem em ESTOQUE?"},
}
ACK = {"keyId": "3EB0", "remoteJid": "5511988887777@c.us", "fromMe": True, "messageId": "cmi3"}


def test_a_message_tells_its_chats_ids_and_words() -> None:
    facts = EventFacts(UPSERT)
    assert facts.chats == {Jid("5511988887777", "s.whatsapp.net"), Jid("9", "lid")}
    assert facts.chat_users == {"5511988887777", "9"}
    assert facts.ids == {"3EB0"}
    assert facts.from_me == {False}
    assert facts.texts == (" oi tem em estoque ",)
    assert facts.says(("tem", "em"))
    assert not facts.says(("em", "tem"))
    assert not facts.says(("estoq",))


def test_an_update_tells_both_of_its_ids() -> None:
    facts = EventFacts(ACK)
    assert facts.chats == {Jid("5511988887777", "s.whatsapp.net")}
    assert facts.ids == {"3EB0", "cmi3"}
    assert facts.from_me == {True}


def test_every_element_of_an_array_counts() -> None:
    facts = EventFacts([UPSERT, ACK, None, "status@broadcast", "text", 5])
    assert facts.ids == {"3EB0", "cmi3"}
    assert facts.from_me == {False, True}
    assert facts.chat_users == {"5511988887777", "9", "status"}


def test_phrases_do_not_cross_from_one_text_to_the_next() -> None:
    facts = EventFacts([{"message": {"conversation": "o boleto"}}, {"message": {"conversation": "venceu"}}])
    assert facts.says(("boleto",))
    assert not facts.says(("boleto", "venceu"))


def test_an_id_is_a_chat_only_if_it_is_an_address() -> None:
    assert EventFacts({"id": "5511988887777"}).chats == set()
    assert EventFacts({"id": "5511988887777@lid"}).chats == {Jid("5511988887777", "lid")}
    assert EventFacts({"key": {"remoteJid": "5511988887777"}}).chats == {Jid("5511988887777", "s.whatsapp.net")}


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        ({"a": {"b": 1}}, ("a", "b"), [1]),
        ({"a": {"b": 1}}, ("a", "c"), []),
        ({"a": [1, 2]}, ("a", 1), [2]),
        ({"a": [1, 2]}, ("a", 5), []),
        ({"a": {"1": 2}}, ("a", 1), [2]),
        ({"a": [1, 2]}, ("a", "1"), []),
        ({"a": [1, {"b": 2}]}, ("a", None, "b"), [2]),
        ({"a": {"x": 1, "y": 2}}, ("a", None), [1, 2]),
        ([{"a": 1}, {"a": 2}, {}], ("a",), [1, 2]),
        ([{"a": 1}, {"a": 2}], (1, "a"), [2]),
        ([{"a": 1}, {"a": 2}], (None, "a"), [1, 2]),
        (None, (), [None]),
        (None, ("a",), []),
        ("text", ("a",), []),
        ({}, (), [{}]),
    ],
)
def test_values_are_found_by_path(data: Any, path: tuple[str | int | None, ...], expected: list[Any]) -> None:
    assert list(EventFacts(data).values(path)) == expected


_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()


@given(_scalars, _scalars)
def test_two_scalars_share_a_key_exactly_if_json_has_them_equal(left: Any, right: Any) -> None:
    if left in (float("inf"), float("-inf")) or right in (float("inf"), float("-inf")):
        return
    same_kind = isinstance(left, bool) == isinstance(right, bool)
    assert (json_key(left) == json_key(right)) == (same_kind and left == right)


def test_objects_and_arrays_have_no_key() -> None:
    assert json_key({}) is None
    assert json_key([1]) is None
    assert json_key(1) == json_key(1.0) == "1"
    assert json_key("1") != json_key(1)


@given(DATA)
def test_any_data_has_facts(data: Any) -> None:
    facts = EventFacts.of(orjson.dumps(data))
    assert {chat.user for chat in facts.chats} == facts.chat_users
    assert all(isinstance(value, str) for value in facts.ids)
    assert facts.from_me <= {True, False}
    assert all(text.startswith(" ") and text.endswith(" ") for text in facts.texts)


@given(DATA_BYTES)
def test_facts_do_not_depend_on_when_they_are_asked(data: bytes) -> None:
    assert EventFacts.of(data).chats == EventFacts.of(data).chats
