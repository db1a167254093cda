"""Invented WhatsApp messages in the three shapes Evolution gives them: Baileys, Meta and its own channel.

Source: prepareMessage() of whatsapp.baileys.service.ts 2.3.7: bytes stay bytes (binary packets), empty byte fields
become `{}`, 64-bit integers become `{low, high, unsigned}`, and `messageTimestamp` is a number of seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ponteio.simulator.cast import Group, Pen, Person

Data = dict[str, Any]
_JPEG_HEAD = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")


def text(pen: Pen, now_s: int) -> Data:
    """An incoming text."""
    return baileys_message(pen, now_s, "conversation", lambda: {"conversation": pen.text()})


def image(pen: Pen, now_s: int) -> Data:
    """An incoming picture with its keys and a thumbnail."""

    def content() -> Data:
        media = _media(pen, now_s, "image/jpeg", caption=pen.text(), height=1280, width=960)
        return {"imageMessage": {**media, "jpegThumbnail": _JPEG_HEAD + pen.blob(220), "scansSidecar": {}}}

    return baileys_message(pen, now_s, "imageMessage", content)


def audio(pen: Pen, now_s: int) -> Data:
    """An incoming voice note with its waveform."""

    def content() -> Data:
        media = _media(pen, now_s, "audio/ogg; codecs=opus", seconds=pen.rng.randrange(2, 90), ptt=True)
        return {"audioMessage": {**media, "waveform": bytes(pen.rng.randrange(100) for _ in range(64))}}

    return baileys_message(pen, now_s, "audioMessage", content)


def document(pen: Pen, now_s: int) -> Data:
    """An incoming document."""

    def content() -> Data:
        media = _media(pen, now_s, "application/pdf", title=pen.text(), fileName="orçamento.pdf", pageCount=3)
        return {"documentMessage": {**media, "jpegThumbnail": {}}}

    return baileys_message(pen, now_s, "documentMessage", content)


def location(pen: Pen, now_s: int) -> Data:
    """An incoming place."""

    def content() -> Data:
        place = {"degreesLatitude": -23.55 + pen.rng.random() / 10, "degreesLongitude": -46.63 + pen.rng.random() / 10}
        return {"locationMessage": {**place, "name": pen.text(), "jpegThumbnail": _JPEG_HEAD + pen.blob(80)}}

    return baileys_message(pen, now_s, "locationMessage", content)


def reply(pen: Pen, now_s: int) -> Data:
    """An incoming text that quotes another; the link-preview form is normalised to a conversation."""
    quoted = {"stanzaId": pen.next_id(), "participant": pen.own_jid, "quotedMessage": {"conversation": "Temos sim!"}}
    message = baileys_message(pen, now_s, "conversation", lambda: {"conversation": pen.text()})
    return {**message, "contextInfo": quoted}


def group_text(pen: Pen, now_s: int) -> Data:
    """A text in a group, from a participant known by LID and by phone number."""
    group, person = pen.group(), pen.person()
    message = baileys_message(pen, now_s, "conversation", lambda: {"conversation": pen.text()}, person=person)
    message["key"] = {**_group_key(group, person), "id": message["key"]["id"]}
    return message


def reaction(pen: Pen, now_s: int, to: Data) -> Data:
    """A reaction to an earlier message."""
    target = {"remoteJid": to["remoteJid"], "fromMe": False, "id": to["id"]}
    content = {"reactionMessage": {"key": target, "text": "👍", "senderTimestampMs": pen.long(now_s * 1000)}}
    return baileys_message(pen, now_s, "reactionMessage", lambda: content)


def baileys_message(
    pen: Pen,
    now_s: int,
    message_type: str,
    content: Callable[[], Data],
    *,
    person: Person | None = None,
) -> Data:
    """An incoming message as Baileys' `messages.upsert` carries it; `content` is called after the id is taken."""
    sender = person or pen.person()
    message_id = pen.next_id()
    key = {"remoteJid": sender.jid, "fromMe": False, "id": message_id}
    if pen.rng.random() < 0.5:
        # The phone number stands in both places: 2.3.7 loses the LID of an addressed-by-LID chat.
        key |= {"remoteJidAlt": sender.jid, "addressingMode": "lid"}
    return {
        "key": key,
        "pushName": sender.name,
        "status": "DELIVERY_ACK",
        "message": {**content(), "messageContextInfo": context_info(pen, now_s)},
        "contextInfo": None,
        "messageType": message_type,
        "messageTimestamp": now_s,
        "instanceId": pen.instance_id,
        "source": pen.rng.choice(("android", "ios", "web")),
    }


def context_info(pen: Pen, now_s: int) -> Data:
    """The device list and secret of nearly every Baileys message: the reason why its packets are binary."""
    devices = {
        "senderKeyHash": pen.blob(10),
        "senderTimestamp": pen.long(now_s - 3600),
        "recipientKeyHash": pen.blob(10),
        "recipientTimestamp": pen.long(now_s - 7200),
    }
    return {"deviceListMetadata": devices, "deviceListMetadataVersion": 2, "messageSecret": pen.blob(32)}


def sent_by_api(pen: Pen, now_s: int, number: str, body: str) -> Data:
    """What `/message/sendText` sent through Baileys."""
    jid = number if "@" in number else f"{number}@s.whatsapp.net"
    return {
        "key": {"remoteJid": jid, "fromMe": True, "id": pen.next_id()},
        "pushName": "Você",
        "status": "PENDING",
        "message": {"conversation": body, "messageContextInfo": {"messageSecret": pen.blob(32)}},
        "contextInfo": None,
        "messageType": "conversation",
        "messageTimestamp": now_s,
        "instanceId": pen.instance_id,
        "source": "web",
    }


def meta_message(pen: Pen, now_s: int) -> Data:
    """An incoming text of the WHATSAPP-BUSINESS integration."""
    person, message_id = pen.person(), pen.next_id("wamid.HBgN")
    return {
        "key": {"id": message_id, "remoteJid": person.jid, "fromMe": False},
        "pushName": person.name,
        "message": {"conversation": pen.text()},
        "messageType": "conversation",
        "messageTimestamp": now_s,
        "source": "unknown",
        "instanceId": pen.instance_id,
    }


def evolution_body(pen: Pen, number: str) -> Data:
    """What somebody posts to `/webhook/evolution` for an EVOLUTION instance with that number."""
    person, message_id = pen.person(), pen.next_id("EV-")
    return {
        "numberId": number,
        "key": {"id": message_id, "remoteJid": person.jid, "fromMe": False},
        "pushName": person.name,
        "message": {"conversation": pen.text()},
        "messageType": "conversation",
    }


def _group_key(group: Group, person: Person) -> Data:
    return {
        "remoteJid": group.jid,
        "fromMe": False,
        "participant": person.lid,
        "participantAlt": person.jid,
        "addressingMode": "lid",
    }


def _media(pen: Pen, now_s: int, mimetype: str, **members: Any) -> Data:
    name = pen.blob(24).hex()
    return {
        "url": f"https://mmg.whatsapp.net/v/t62.7118-24/{name}.enc?ccb=11-4&oh=01_{name[:20]}&oe=68F0A1B2&_nc_sid=5e03e0",
        "mimetype": mimetype,
        "fileSha256": pen.blob(32),
        "fileLength": pen.long(pen.rng.randrange(10_000, 4_000_000)),
        "mediaKey": pen.blob(32),
        "fileEncSha256": pen.blob(32),
        "directPath": f"/v/t62.7118-24/{name}.enc?ccb=11-4&oh=01_{name[:20]}&oe=68F0A1B2",
        "mediaKeyTimestamp": pen.long(now_s - 60),
        **members,
    }
