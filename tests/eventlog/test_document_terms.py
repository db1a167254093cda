from __future__ import annotations

from typing import Any
from zlib import crc32

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.filter_drawing import DATA_BYTES, NOON

from ponteio.eventlog import document_terms
from ponteio.eventlog.document_terms import (
    BACKFILL,
    OVERFLOW,
    Seeds,
    document,
    event_terms,
    instance_term,
    is_common,
    name_term,
    phrase_terms,
    token,
    user_term,
    value_term,
    word_terms,
)
from ponteio.model.event import StoredEvent

SEEDS = Seeds(common=7, rare=8)


def stored(data: Any, event: str = "messages.upsert", origin: str = "live") -> StoredEvent:
    return StoredEvent(
        organization_id="org",
        epoch="0123abcd",
        seq=1,
        instance="loja 1",
        event=event,
        sender=None,
        date_time=None,
        occurred_at=NOON,
        received_at=NOON,
        origin=origin,
        data=data if isinstance(data, bytes) else orjson.dumps(data),
    )


def has(event: StoredEvent, *terms: bytes) -> bool:
    return {token(term, SEEDS) for term in terms} <= set(document(event, SEEDS).split())


def test_a_token_is_eight_digits_of_a_hash_that_begins_with_a_seed() -> None:
    assert token(b"@5511", SEEDS) == crc32(b"@5511", 8).to_bytes(4, "little").hex()
    assert token(b"e:call", SEEDS) == crc32(b"e:call", 7).to_bytes(4, "little").hex()
    assert token(b"@5511", Seeds.alike(7)) == crc32(b"@5511", 7).to_bytes(4, "little").hex()


@pytest.mark.parametrize(
    ("term", "is_it"),
    [
        (name_term("call"), True),
        (instance_term("loja 1"), True),
        (BACKFILL, True),
        (OVERFLOW, False),
        (user_term("5511"), False),
        (b"w:que", True),
        (b"w:boleto", False),
        (b"w:o boleto", False),
        (b"fromMe=true", True),
        (b'status="READ', True),
        (b"n=1", True),
        (b'id="3EB0', False),
        (b"messageTimestamp=1763895600", False),
    ],
)
def test_it_is_known_of_which_terms_there_may_be_many(term: bytes, is_it: bool) -> None:
    assert is_common(term) is is_it


def test_an_event_is_found_by_its_name_families_and_instance() -> None:
    assert list(event_terms("a.b.c")) == [name_term(name) for name in ("a.b.c", "a.*", "a.b.*")]
    event = stored(None)
    assert has(event, name_term("messages.upsert"), name_term("messages.*"), instance_term("loja 1"))
    assert not has(event, BACKFILL)
    assert has(stored(None, origin="backfill"), BACKFILL)


def test_a_message_is_found_by_words_addresses_and_values() -> None:
    event = stored(
        {
            "key": {"remoteJid": "5511:3@c.us", "fromMe": False, "id": "3EB0"},
            "message": {"conversation": "Seu boleto já"},
            "n": 1.0,
            "list": ["READ", True],
            "chatId": "+55 12",
        }
    )
    assert has(event, user_term("5511"), user_term("5512"))
    assert has(event, b'id="3EB0', b"fromMe=false", b"n=1", b'list="READ', b"list=true")
    assert has(event, *word_terms(["seu", "boleto", "ja"]))
    assert not has(event, OVERFLOW)


@pytest.mark.parametrize(
    ("name", "key", "term"),
    [
        ("status", '"READ', b'status="READ'),
        ("n", "1", b"n=1"),
        ("x", '"55@c.us', b"@55"),
        ("fileSha256", '"55@c.us', b"@55"),
        ("fileSha256", '"abc', None),
        ("low", "1", None),
        ("0", "1", None),
        ("x", '"' + "a" * 200, None),
        ("x", '"' + "a" * 100, b'x="' + b"a" * 100),
    ],
)
def test_what_nobody_looks_for_has_no_term(name: str, key: str, term: bytes | None) -> None:
    assert value_term(name, key) == term


def test_a_phrase_is_asked_for_by_its_pairs() -> None:
    assert phrase_terms(["a"]) == set(word_terms(["a"])) == {b"w:a"}
    assert phrase_terms(["a", "b", "c"]) == {b"w:a b", b"w:b c"}
    assert set(word_terms(["a", "b"])) == {b"w:a", b"w:b", b"w:a b"}


def test_an_event_with_too_many_terms_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_terms, "MOST_TERMS", 20)
    many = [{"id": str(number)} for number in range(100)]
    assert has(stored(many), OVERFLOW, name_term("messages.upsert"))
    assert len(document(stored(many), SEEDS).split()) < 30
    wordy = {"message": {"conversation": " ".join(f"w{number}" for number in range(100))}}
    assert has(stored(wordy), OVERFLOW)
    assert not has(stored(many[:5]), OVERFLOW)


@given(DATA_BYTES)
def test_any_data_makes_tokens_and_nothing_else(data: bytes) -> None:
    found = document(stored(data), SEEDS).split(" ")
    assert len(found) == len(set(found))
    assert all(len(one) == 8 and int(one, 16) >= 0 for one in found)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(_json)
def test_no_json_breaks_it(data: Any) -> None:
    try:
        raw = orjson.dumps(data)
    except TypeError:
        return
    assert document(stored(raw), SEEDS)
