from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ponteio.simulator import message_payloads as messages
from ponteio.simulator.cast import Pen

NOW_S = 1_795_500_000
KINDS: list[tuple[Callable[[Pen, int], dict[str, Any]], str, str]] = [
    (messages.text, "conversation", "conversation"),
    (messages.group_text, "conversation", "conversation"),
    (messages.reply, "conversation", "conversation"),
    (messages.image, "imageMessage", "imageMessage"),
    (messages.audio, "audioMessage", "audioMessage"),
    (messages.document, "documentMessage", "documentMessage"),
    (messages.location, "locationMessage", "locationMessage"),
]


@pytest.fixture
def pen() -> Pen:
    return Pen(1, "loja-01", "0b0f")


@pytest.mark.parametrize(("write", "message_type", "content"), KINDS)
def test_baileys_messages_are_binary_and_carry_their_type(
    pen: Pen, write: Callable[[Pen, int], dict[str, Any]], message_type: str, content: str
) -> None:
    data = write(pen, NOW_S)
    assert data["messageType"] == message_type
    assert content in data["message"]
    info = data["message"]["messageContextInfo"]
    assert (len(info["messageSecret"]), len(info["deviceListMetadata"]["senderKeyHash"])) == (32, 10)
    assert info["deviceListMetadata"]["senderTimestamp"]["unsigned"] is True
    assert (data["messageTimestamp"], data["instanceId"], data["key"]["fromMe"]) == (NOW_S, "0b0f", False)


def test_media_carry_keys_longs_and_empty_byte_fields(pen: Pen) -> None:
    picture = messages.image(pen, NOW_S)["message"]["imageMessage"]
    assert len(picture["mediaKey"]) == 32
    assert picture["fileLength"]["high"] == 0
    assert picture["scansSidecar"] == {}
    assert messages.document(pen, NOW_S)["message"]["documentMessage"]["jpegThumbnail"] == {}
    assert len(messages.audio(pen, NOW_S)["message"]["audioMessage"]["waveform"]) == 64


def test_a_group_message_names_its_participant_twice(pen: Pen) -> None:
    key = messages.group_text(pen, NOW_S)["key"]
    assert key["remoteJid"].endswith("@g.us")
    assert key["participant"].endswith("@lid")
    assert key["participantAlt"].endswith("@s.whatsapp.net")


def test_a_reaction_points_at_its_message(pen: Pen) -> None:
    key = messages.text(pen, NOW_S)["key"]
    reaction = messages.reaction(pen, NOW_S, key)
    assert reaction["messageType"] == "reactionMessage"
    assert reaction["message"]["reactionMessage"]["key"]["id"] == key["id"]
    assert reaction["key"]["id"] != key["id"]


def test_what_the_api_sent_is_pending_and_ours(pen: Pen) -> None:
    data = messages.sent_by_api(pen, NOW_S, "5511977776666", "oi")
    assert (data["key"]["remoteJid"], data["key"]["fromMe"]) == ("5511977776666@s.whatsapp.net", True)
    assert data["status"] == "PENDING"
    assert messages.sent_by_api(pen, NOW_S, "1@g.us", "oi")["key"]["remoteJid"] == "1@g.us"


def test_meta_and_evolution_messages_are_not_binary(pen: Pen) -> None:
    meta = messages.meta_message(pen, NOW_S)
    assert meta["key"]["id"].startswith("wamid.")
    assert list(meta["message"]) == ["conversation"]
    body = messages.evolution_body(pen, "55")
    assert (body["numberId"], body["messageType"]) == ("55", "conversation")
