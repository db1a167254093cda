from __future__ import annotations

import base64
from typing import Any

import pytest

from ponteio.simulator import event_payloads as events
from ponteio.simulator.cast import Pen

KEY = {"remoteJid": "1@s.whatsapp.net", "fromMe": False, "id": "3EB0"}


@pytest.fixture
def pen() -> Pen:
    return Pen(1, "loja-01", "0b0f")


def test_the_qr_picture_is_a_png() -> None:
    head, _, body = events.QR_PNG.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body, validate=True).startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    ("data", "members"),
    [
        (events.connecting("x"), ["instance", "state", "statusReason"]),
        (events.closed("x"), ["instance", "state", "statusReason"]),
        (
            events.opened("x", "1@s.whatsapp.net", None),
            ["instance", "wuid", "profileName", "profilePictureUrl", "state", "statusReason"],
        ),
        (events.refused("x", None), ["instance", "state", "statusReason", "profilePictureUrl"]),
        (events.refused("x", "1@…"), ["instance", "state", "statusReason", "wuid", "profilePictureUrl"]),
    ],
)
def test_connection_updates_have_the_members_of_their_state(data: dict[str, Any], members: list[str]) -> None:
    assert list(data) == members


def test_one_name_has_several_shapes(pen: Pen) -> None:
    assert set(events.contact(pen, pen.person(), named=False, pictured=True)) == {
        "remoteJid",
        "profilePicUrl",
        "instanceId",
    }
    assert set(events.contact(pen, pen.person())) == {"remoteJid", "pushName", "instanceId"}
    assert events.call(pen, "2026-11-23T12:00:01.000Z")["status"] in {"offer", "ringing", "timeout", "reject"}
    assert isinstance(events.call_stanza(pen)["packet"]["content"][0]["content"], bytes)


def test_an_edit_and_a_revocation_are_told_by_their_type(pen: Pen) -> None:
    assert events.edited(pen, KEY, 5)["type"] == "MESSAGE_EDIT"
    assert events.edited(pen, KEY, 5)["timestampMs"] == "5000"
    assert events.revoked(KEY)["type"] == "REVOKE"
    assert events.deleted(KEY) == {**KEY, "status": "DELETED"}


def test_participants_are_objects_and_their_enhancement_is_nonsense(pen: Pen) -> None:
    change = events.participants_change(pen)
    assert change["participants"][0]["id"].endswith("@lid")
    assert change["participantsData"][0]["phoneNumber"] == "[object Object]"


def test_the_rest_have_what_names_them(pen: Pen) -> None:
    assert list(events.presence(pen)) == ["id", "presences"]
    assert events.group_metadata(pen, 100_000)["size"] == 6
    assert events.group_change(pen)["id"].endswith("@g.us")
    assert events.label_edit(pen)["instance"] == "loja-01"
    assert events.label_association(pen)["type"] in {"add", "remove"}
    assert events.typebot_start(pen)["typebot"] == "atendimento"
    assert events.typebot_change(pen)["status"] in {"opened", "paused", "closed"}
    receipt = events.status_update(pen, KEY, "READ", "cmw1")
    assert (receipt["keyId"], receipt["messageId"], receipt["participant"]) == ("3EB0", "cmw1", KEY["remoteJid"])
