"""Invented events that are not messages: contacts, chats, groups, labels, presence, calls and the life of a session.

Source: whatsapp.baileys.service.ts of 2.3.7; where one name has several shapes, each has its function here.
"""

from __future__ import annotations

from typing import Any

from ponteio.simulator.cast import Pen, Person

Data = dict[str, Any]

#: The smallest valid PNG (one transparent pixel): stands where Evolution draws the QR code.
QR_PNG = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def contact(pen: Pen, person: Person, *, named: bool = True, pictured: bool = False) -> Data:
    """One contact item; app-state updates usually lack the name."""
    item: Data = {"remoteJid": person.jid}
    if named:
        item["pushName"] = person.name
    if pictured:
        item["profilePicUrl"] = f"https://pps.whatsapp.net/v/t61.24694-24/{pen.blob(12).hex()}.jpg?oe=68F0A1B2"
    return {**item, "instanceId": pen.instance_id}


def chat(pen: Pen, jid: str, **members: Any) -> Data:
    """One chat item."""
    return {"remoteJid": jid, "instanceId": pen.instance_id, **members}


def status_update(pen: Pen, key: Data, status: str, message_id: str) -> Data:
    """A receipt (`messages.update`)."""
    return {
        "keyId": key["id"],
        "remoteJid": key["remoteJid"],
        "fromMe": key["fromMe"],
        "participant": key.get("participant", key["remoteJid"]),
        "status": status,
        "instanceId": pen.instance_id,
        "messageId": message_id,
    }


def edited(pen: Pen, key: Data, now_s: int) -> Data:
    """A bare protocolMessage of an edit, in its string form (there is nothing binary in the packet)."""
    target = {"remoteJid": key["remoteJid"], "fromMe": True, "id": key["id"]}
    pen.next_id()  # so that the new text carries a serial of its own
    return {
        "key": target,
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": f"{pen.text()} (editada)"},
        "timestampMs": str(now_s * 1000),
    }


def revoked(key: Data) -> Data:
    """A bare protocolMessage of a deletion."""
    return {"key": {"remoteJid": key["remoteJid"], "fromMe": False, "id": key["id"]}, "type": "REVOKE"}


def deleted(key: Data) -> Data:
    """A deletion by the sender: the flattened key."""
    return {**key, "status": "DELETED"}


def presence(pen: Pen) -> Data:
    """Somebody is typing, or not any more."""
    person = pen.person()
    state = pen.rng.choice(("composing", "recording", "paused", "available", "unavailable"))
    return {"id": person.jid, "presences": {person.jid: {"lastKnownPresence": state}}}


def group_metadata(pen: Pen, now_s: int) -> Data:
    """One item of `groups.upsert`."""
    group = pen.group()
    people = [{"id": each.lid, "phoneNumber": each.jid, "admin": None} for each in group.people]
    return {
        "id": group.jid,
        "subject": group.subject,
        "owner": group.owner.jid,
        "creation": now_s - 86_400,
        "size": len(people),
        "participants": people,
        "announce": False,
        "restrict": False,
        "addressingMode": "lid",
    }


def group_change(pen: Pen) -> Data:
    """One item of `groups.update`."""
    group = pen.group()
    return {"id": group.jid, "author": group.owner.lid, "authorPn": group.owner.jid, "subject": f"{group.subject} 2"}


def participants_change(pen: Pen) -> Data:
    """`group-participants.update` with the objects of baileys rc.9 and the text they turn into."""
    group, person = pen.group(), pen.person()
    return {
        "id": group.jid,
        "author": group.owner.lid,
        "authorPn": group.owner.jid,
        "action": pen.rng.choice(("add", "remove", "promote", "demote")),
        "participants": [{"id": person.lid, "phoneNumber": person.jid, "admin": None}],
        "participantsData": [{"jid": {"id": person.lid}, "phoneNumber": "[object Object]"}],
    }


def label_edit(pen: Pen) -> Data:
    """A label was made or changed."""
    number = pen.rng.randrange(1, 9)
    return {
        "id": str(number),
        "name": f"Etiqueta {number}",
        "color": number,
        "deleted": False,
        "instance": pen.instance,
    }


def label_association(pen: Pen) -> Data:
    """A label was put on a chat or taken off."""
    kind = pen.rng.choice(("add", "remove"))
    return {"instance": pen.instance, "type": kind, "chatId": pen.person().jid, "labelId": str(pen.rng.randrange(1, 9))}


def call(pen: Pen, date: str) -> Data:
    """A call; `date` is true UTC."""
    person = pen.person()
    call_id = pen.next_id("CALL")
    status = pen.rng.choice(("offer", "ringing", "timeout", "reject"))
    who = {"chatId": person.jid, "from": person.jid, "id": call_id, "date": date}
    return {**who, "offline": False, "status": status, "isVideo": False, "isGroup": False}


def call_stanza(pen: Pen) -> Data:
    """The raw stanza of a call: binary content under the same event name."""
    attrs = {"from": pen.person().jid, "id": pen.next_id("CB"), "t": "1763895600"}
    offer = {"tag": "offer", "attrs": {"call-id": pen.blob(8).hex().upper()}, "content": pen.blob(48)}
    return {"event": "CB:call", "packet": {"tag": "call", "attrs": attrs, "content": [offer]}}


def typebot_start(pen: Pen) -> Data:
    """A bot took a chat over."""
    return {
        "remoteJid": pen.person().jid,
        "url": "https://typebot.example.invalid",
        "typebot": "atendimento",
        "variables": [{"name": "remoteJid", "value": pen.person().jid}],
        "sessionId": pen.blob(12).hex(),
    }


def typebot_change(pen: Pen) -> Data:
    """A bot's session changed."""
    return {"remoteJid": pen.person().jid, "status": pen.rng.choice(("opened", "paused", "closed"))}


def connecting(instance: str) -> Data:
    """`connection.update` while a session is being opened; also what an outage looks like."""
    return {"instance": instance, "state": "connecting", "statusReason": 200}


def opened(instance: str, wuid: str, profile_name: str | None) -> Data:
    """`connection.update` when a session is open."""
    profile = {"profileName": profile_name, "profilePictureUrl": None}
    return {"instance": instance, "wuid": wuid, **profile, "state": "open", "statusReason": 200}


def closed(instance: str, reason: int = 401) -> Data:
    """`connection.update` when a session is over for good; transient closes are never told."""
    return {"instance": instance, "state": "close", "statusReason": reason}


def refused(instance: str, wuid: str | None) -> Data:
    """`connection.update` when nobody scanned any QR code."""
    who = {} if wuid is None else {"wuid": wuid}
    return {"instance": instance, "state": "refused", "statusReason": 428, **who, "profilePictureUrl": None}


def qr_code(instance: str, code: str, base64: str, pairing_code: str | None) -> Data:
    """`qrcode.updated` with a login code."""
    return {"qrcode": {"instance": instance, "pairingCode": pairing_code, "code": code, "base64": base64}}


QR_LIMIT_REACHED: Data = {"message": "QR code limit reached, please login again", "statusCode": 500}
