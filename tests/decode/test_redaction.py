from __future__ import annotations

import json
import sys
from itertools import count
from threading import Event, Thread
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.decode_frames import leaves

from ponteio.decode.redaction import MASK, KnownSecrets, has_secret_member, hide, holds, redact

LONG = "825E2657-E904-4C62-908B-61C8B8AA81FF"


def cleaned(value: object, *secrets: str) -> object:
    """`value` without `secrets`, by the way the decoder goes."""
    encoded = orjson.dumps(value)
    found = KnownSecrets(secrets).found_in(encoded)
    return redact(value, found) if found or has_secret_member(encoded) else value


def test_a_secret_goes_from_texts_and_member_names_at_any_depth() -> None:
    value = {"a": [{"b": f"x{LONG}y", f"n-{LONG}": [LONG]}], "c": 1, "d": None, "e": "plain"}
    assert cleaned(value, LONG) == {
        "a": [{"b": f"x{MASK}y", f"n-{MASK}": [MASK]}],
        "c": 1,
        "d": None,
        "e": "plain",
    }


def test_values_behind_the_same_masked_name_are_all_kept() -> None:
    value = {"k-aaaaaaaa": 1, "k-bbbbbbbb": 2, "k-[redacted]": 3}
    assert cleaned(value, "aaaaaaaa", "bbbbbbbb") == {"k-[redacted]": 1, "k-[redacted]_": 2, "k-[redacted]__": 3}


@pytest.mark.parametrize("name", ["apikey", "apiKey", "APIKEY", "ApiKey"])
def test_members_called_apikey_go_whatever_they_hold(name: str) -> None:
    value = {"a": [{name: "never seen before", "b": 1}], name: {"x": [1]}}
    assert cleaned(value) == {"a": [{"b": 1}]}


def test_other_members_that_speak_of_keys_stay() -> None:
    value = {"apikeys": 1, "my apikey": 2, "text": 'say "apikey": "x"', "key": {"id": 1}}
    assert cleaned(value) == value


@pytest.mark.parametrize("name", ["appStateSyncKeyShare", "appstatesynckeyshare"])
def test_key_material_of_whatsapp_goes(name: str) -> None:
    value = {"type": 6, name: {"keys": [{"keyData": {"$base64": "AAAA"}}]}}
    assert cleaned(value) == {"type": 6, name: MASK}


@pytest.mark.parametrize("secret", ["p@ss word/1!", "çã-é ü€-key", 'quo"te\\back', "tab\tnew\nline", "a+b&c=d%41(e)"])
def test_a_secret_is_known_in_urls_and_in_json_inside_a_text(secret: str) -> None:
    spelled = [secret, quote(secret, safe=""), quote(secret, safe="!'()*"), quote_plus(secret), quote(secret)]
    for text in spelled:
        assert cleaned(f"http://h/?k={text}&x=1", secret) == f"http://h/?k={MASK}&x=1"
    nested = json.dumps({"key": secret}, ensure_ascii=False)
    assert cleaned(nested, secret) == f'{{"key": "{MASK}"}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("loja1", MASK),
        ("a loja1.", f"a {MASK}."),
        ("x-loja1-y", f"x-{MASK}-y"),
        ("_loja1_", f"_{MASK}_"),
        ("?k=loja1", f"?k={MASK}"),
        ("loja12", "loja12"),
        ("aloja1", "aloja1"),
        ("éloja1", "éloja1"),
        ("loja1é", "loja1é"),
    ],
)
def test_a_short_secret_counts_only_where_it_stands_alone(text: str, expected: str) -> None:
    assert cleaned([text, {text: 1}], "loja1") == [expected, {expected: 1}]


def test_from_eight_characters_a_secret_counts_anywhere() -> None:
    assert cleaned("x12345678y", "12345678") == f"x{MASK}y"
    assert cleaned("x1234567y", "1234567") == "x1234567y"


def test_of_two_secrets_the_longer_goes_first() -> None:
    assert cleaned("the-secret and the-secret-2", "the-secret", "the-secret-2") == f"{MASK} and {MASK}"


def test_a_number_counts_when_all_its_digits_are_the_secret() -> None:
    assert cleaned([12345678, 123456789, True, 12345678.0, "12345678"], "12345678") == [
        MASK,
        123456789,
        True,
        12345678.0,
        MASK,
    ]
    assert cleaned([401], "401") == [401]


@pytest.mark.parametrize(
    "word", ["", "  ", "ab", "Apikey not found", "open", "conversation", "messages.upsert", "redacted"]
)
def test_what_protects_nothing_is_no_secret(word: str) -> None:
    secrets = KnownSecrets([word])
    secrets.add(word)
    assert len(secrets) == 0
    assert cleaned({"state": word}, word) == {"state": word}


def test_a_key_too_long_to_work_is_no_secret_and_the_longest_that_works_is() -> None:
    secrets = KnownSecrets()
    secrets.add("x" * 16_385)
    assert len(secrets) == 0
    secrets.add("x" * 16_384)
    assert secrets.found_in(b"y" + b"x" * 16_384)


def test_spaces_around_a_secret_are_not_part_of_it() -> None:
    assert cleaned("k=the-secret;", " the-secret\n") == f"k={MASK};"


def test_half_a_surrogate_pair_in_a_secret_breaks_nothing() -> None:
    assert cleaned("k=the-\ufffd-secret;", "the-\ud83d-secret") == f"k={MASK};"


def test_the_oldest_is_forgotten_and_what_was_met_again_or_is_permanent_is_not() -> None:
    secrets = KnownSecrets(["permanent-key"], capacity=3)
    for value in ("first-secret", "second-secret", "third-secret", "first-secret", "fourth-secret"):
        secrets.add(value)
    text = b"permanent-key first-secret second-secret third-secret fourth-secret"
    assert set(secrets.found_in(text)) == {"permanent-key", "first-secret", "third-secret", "fourth-secret"}
    assert len(secrets) == 4


def test_a_learned_secret_can_become_permanent_and_stays_so() -> None:
    secrets = KnownSecrets(capacity=1)
    secrets.add("deployment-key")
    secrets.add("deployment-key", permanent=True)
    secrets.add("deployment-key")
    secrets.add("other-secret")
    secrets.add("third-secret")
    assert secrets.found_in(b"deployment-key other-secret third-secret") == ("deployment-key", "third-secret")


def test_forgetting_one_secret_does_not_uncover_another_that_is_spelled_alike() -> None:
    secrets = KnownSecrets(capacity=2)
    secrets.add("the secret/key")
    secrets.add("the%20secret%2Fkey")
    secrets.add("something else")
    assert "the%20secret%2Fkey" in secrets.found_in(b"the%20secret%2Fkey")


def test_names_are_addresses_as_a_whole_and_when_told() -> None:
    secrets = KnownSecrets(["loja-centro-key"], capacity=2)
    secrets.add("loja-centro")
    assert secrets.is_name("loja-centro")
    assert secrets.is_name("loja-centro-key")
    assert not secrets.is_name("loja-centro-2")
    secrets.add_name("loja-centro-2")
    assert secrets.is_name("loja-centro-2")
    secrets.add_name("b")
    secrets.add_name("c")
    assert not secrets.is_name("loja-centro-2")


def test_known_secrets_do_not_show_themselves() -> None:
    """I5: neither repr nor text of the memory shows a secret."""
    secrets = KnownSecrets([LONG])
    assert LONG not in f"{secrets!r}{secrets}"


@pytest.mark.parametrize("capacity", [6, 50])
def test_it_may_be_asked_in_one_thread_while_another_learns_and_forgets(capacity: int) -> None:
    secrets = KnownSecrets([LONG], capacity=capacity)
    stop = Event()

    def learn() -> None:
        for number in count():
            secrets.add(f"{'tok' * (number % 3)}-{number:04d}"[: 3 + number % 20])
            secrets.add_name(f"name-{number}")
            if stop.is_set():
                return

    learner = Thread(target=learn)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    learner.start()
    try:
        text = b" ".join(b"tok-%04d toktok-%04d" % (number, number) for number in range(200)) + LONG.encode()
        assert all(LONG in secrets.found_in(text) for _ in range(200))
    finally:
        stop.set()
        learner.join()
        sys.setswitchinterval(switch)


def test_bytes_hold_a_secret_in_utf_8() -> None:
    assert holds(b"\x00\xff" + LONG.encode() + b"\x01", [LONG])
    assert holds("é-secret-ü".encode(), ["é-secret-ü"])
    assert holds(b"\x00loja1\x00", ["loja1"])
    assert not holds(b"xloja1\x00", ["loja1"])
    assert not holds(b"\x00\x01", [LONG])


def test_hiding_nothing_changes_nothing() -> None:
    assert hide("text", ()) == "text"


SECRETS = st.text(st.characters(codec="utf-8"), min_size=8, max_size=40).filter(
    lambda text: text == text.strip() and not set(text) & set(MASK) and len(KnownSecrets([text])) == 1
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


def planted(value: object, secret: str, data: st.DataObject) -> object:
    """`value` with `secret` put somewhere in its texts and names."""
    if isinstance(value, str) and data.draw(st.booleans()):
        return value[: len(value) // 2] + secret + value[len(value) // 2 :]
    if isinstance(value, list):
        return [planted(item, secret, data) for item in value] + ([secret] if data.draw(st.booleans()) else [])
    if isinstance(value, dict):
        return {
            (name + secret if data.draw(st.booleans()) else name): planted(item, secret, data)
            for name, item in value.items()
        }
    return value


@given(JSON, SECRETS, st.data())
def test_a_planted_secret_never_comes_out(value: object, secret: str, data: st.DataObject) -> None:
    """I5: no known secret survives in a text or a member's name."""
    result = cleaned(planted(value, secret, data), secret)
    assert not any(secret in text for text in leaves(result))


@given(JSON, SECRETS)
def test_a_value_without_secrets_comes_out_as_it_was(value: object, secret: str) -> None:
    assume(not any(secret in text for text in leaves(value)))
    assert cleaned(value, secret) == value
