"""One line of text for one event."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.commands.event_line import clean, masked, summary

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
NAMES = [
    "messages.upsert",
    "send.message",
    "messages.update",
    "connection.update",
    "presence.update",
    "qrcode.updated",
    "x",
]


ANNA = "5511988887777@s.whatsapp.net"
PHOTO = {"imageMessage": {"caption": "foto"}}
CASES = [
    ("messages.upsert", {"key": {"remoteJid": ANNA}, "message": {"conversation": "oi"}}, "← 5511•••7777 oi"),
    (
        "send.message",
        {"key": {"remoteJid": "5511988887777", "fromMe": True}, "messageType": "imageMessage", "message": PHOTO},
        "→ 5511•••7777 [imageMessage] foto",
    ),
    ("messages.update", {"remoteJid": ANNA, "status": "READ", "keyId": "K"}, "5511•••7777 READ K"),
    ("connection.update", {"state": "close", "statusReason": 401}, "close (401)"),
    ("presence.update", {"id": ANNA, "presences": {"a": {"lastKnownPresence": "composing"}}}, "5511•••7777 composing"),
    ("qrcode.updated", {"qrcode": {"base64": "secret"}}, "scan it: new QR code"),
    ("chats.update", [{"remoteJid": "x"}], "1 item"),
    ("contacts.update", [], "0 items"),
    ("remove.instance", None, ""),
    ("labels.edit", {"id": "7"}, "7"),
]


@pytest.mark.parametrize(("event", "data", "expected"), CASES)
def test_summaries(event: str, data: Any, expected: str) -> None:
    assert summary(event, data) == expected


@given(event=st.sampled_from(NAMES), data=JSON)
def test_never_raises_and_never_breaks_the_line(event: str, data: Any) -> None:
    text = summary(event, data)
    assert text == "" or text.isprintable()
    assert len(text) <= 120


def test_control_characters_of_hostile_text_do_not_reach_the_terminal() -> None:
    assert clean("a\x1b[31mred\nnext") == "a [31mred next"


def test_short_numbers_are_not_masked() -> None:
    assert masked("12345678@x") == "12345678"
    assert masked(None) == ""
