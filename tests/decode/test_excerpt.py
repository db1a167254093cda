from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.decode.excerpt import MAX_BYTES, bounded, excerpt, printable
from ponteio.decode.redaction import MASK, KnownSecrets

SECRET = "evo-global-key-1234567890"


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


def test_ordinary_text_is_shown_as_it_came() -> None:
    assert excerpt('["x",{"pushName":"Zé ☕"}'.encode(), KnownSecrets()) == '["x",{"pushName":"Zé ☕"}'


@pytest.mark.parametrize(
    "spelled", [SECRET, escaped(SECRET), escaped(SECRET).replace("\\", "\\" * 64), SECRET[:3] + escaped(SECRET[3:])]
)
def test_a_secret_cannot_hide_in_escapes(spelled: str) -> None:
    """I5: an excerpt of a frame that cannot be parsed shows no known secret."""
    shown = excerpt(f'["x",{{"a":"{spelled}"'.encode(), KnownSecrets([SECRET]))
    assert SECRET not in shown
    assert MASK in shown


def test_a_secret_with_characters_outside_the_first_plane_cannot_hide_in_escapes() -> None:
    secret = "key-😀-of-the-house"
    shown = excerpt(json.dumps([secret])[:-1].encode(), KnownSecrets([secret]))
    assert shown == f'["{MASK}"'


@pytest.mark.parametrize(
    "text",
    [
        '{"apikey":"unknown-key-1"',
        '{"apiKey" : "unknown-key-1',
        '{"a":"{\\"apikey\\":\\"unknown-key-1\\"}"',
        '{"url":"http://h/socket.io/?apikey=unknown-key-1&x=1"',
        '{"\\u0061pikey":"unknown-key-1"',
        "{apikey: unknown-key-1",
        '{"apikey":"unknown\\"-key-1"',
        '{"apikey":"with spaces unknown-key-1"',
    ],
)
def test_what_stands_behind_apikey_is_masked_though_nobody_knows_it(text: str) -> None:
    shown = excerpt(f"[{text}".encode(), KnownSecrets())
    assert "key-1" not in shown
    assert MASK in shown


@pytest.mark.parametrize("filling", [0, 100_000])
def test_the_key_of_a_frame_is_masked_in_the_rest_of_it_though_nobody_knows_it(filling: int) -> None:
    """I5: Evolution puts the key behind the data, and the data may hold it too."""
    data = '"data":{"url":"http://h/?k=unknown-key-1"}'
    text = f'["x",{{{data},"a":"{"." * filling}","apikey":"{escaped("unknown-key-1")}"'
    shown = excerpt(text.encode(), KnownSecrets())
    assert shown.startswith(f'["x",{{"data":{{"url":"http://h/?k={MASK}"}},"a":"')
    assert "key-1" not in shown


def test_key_material_of_whatsapp_ends_the_excerpt() -> None:
    shown = excerpt(b'["messages.edited",{"type":6,"appStateSyncKeyShare":{"keys":["S0VZ"]},"z":1', KnownSecrets())
    assert shown.startswith('["messages.edited",{"type":6,"appStateSyncKeyShare')
    assert "S0VZ" not in shown


@pytest.mark.parametrize("before", range(0, 40, 3))
def test_a_secret_cut_by_the_end_of_what_is_looked_at_does_not_show_its_beginning(before: int) -> None:
    """I5: escapes shrink the text so far that the cut end would be shown."""
    secret = "S" * 2_000 + "cut-here"
    payload = (secret * 32).encode() + b"." * (32 + before) + (secret * 8).encode()
    assert "SSS" not in excerpt(payload, KnownSecrets([secret]))
    payload = (escaped(secret) * 40).encode()
    assert "SSS" not in excerpt(b"." * before + payload, KnownSecrets([secret]))


def test_at_most_two_kibibytes_of_whole_characters() -> None:
    shown = excerpt(("é€😀" * 2_000).encode(), KnownSecrets())
    assert MAX_BYTES - 4 < len(shown.encode()) <= MAX_BYTES
    assert bounded("é€", 4) == "é"
    assert bounded("abc", 12) == "abc"


def test_nothing_in_it_can_move_a_terminal_or_forge_a_line() -> None:
    shown = excerpt(b"a\x00b\nc\x1b[2Jd\xe2\x80\xaee\xff\\u0007\\ud83d", KnownSecrets())
    assert shown.isprintable()
    assert shown.startswith("a\ufffdb\ufffdc\ufffd[2Jd\ufffde\ufffd")
    assert printable("plain") == "plain"


@given(st.binary(max_size=300))
def test_any_bytes_make_a_safe_excerpt(payload: bytes) -> None:
    shown = excerpt(payload, KnownSecrets([SECRET]))
    assert shown.isprintable()
    assert len(shown.encode()) <= MAX_BYTES


@given(st.text('\\"u0061 {}:,apikey', max_size=80), st.sampled_from([SECRET, escaped(SECRET), json.dumps(SECRET)]))
def test_no_surroundings_uncover_a_known_secret(around: str, spelled: str) -> None:
    """I5: whatever stands around it."""
    half = len(around) // 2
    shown = excerpt((around[:half] + " " + spelled + around[half:]).encode(), KnownSecrets([SECRET]))
    assert SECRET not in shown
