"""What happens next on an instance: a seeded, endless script of scenes, each a few events. Pure.

A scene is what one real occurrence makes Evolution emit (an incoming message is 3 to 5 events).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ponteio.simulator import event_payloads as events
from ponteio.simulator import message_payloads as messages
from ponteio.simulator.cast import Pen
from ponteio.simulator.local_time import true_utc
from ponteio.simulator.state import Integration

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """One event to be emitted."""

    event: str
    data: Any
    extra: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it is a message that findMessages will show.
    is_stored: bool = False


Scene = list[PlannedEvent]
_BAILEYS_MESSAGES: tuple[tuple[Callable[[Pen, int], Data], int], ...] = (
    (messages.text, 55),
    (messages.group_text, 15),
    (messages.image, 8),
    (messages.audio, 8),
    (messages.reply, 8),
    (messages.document, 3),
    (messages.location, 3),
)


class Script:
    """The script of one instance."""

    def __init__(self, pen: Pen, integration: Integration, number: str | None) -> None:
        self.pen = pen
        self._integration = integration
        self._number = number or "0"
        self._last_key: Data | None = None
        self._known: set[str] = set()

    def next_scene(self, now: datetime) -> Scene:
        """The next occurrence, with its messages sent at `now`."""
        if self._integration == "WHATSAPP-BAILEYS":
            return self._baileys_scene(now)
        if self._integration == "WHATSAPP-BUSINESS":
            return self._meta_scene(now)
        return self.evolution_scene(messages.evolution_body(self.pen, self._number), now)

    def message(self, now: datetime, pad: int = 0) -> PlannedEvent:
        """One incoming message alone, its text padded by `pad` characters."""
        now_s = _seconds(now)
        if self._integration == "WHATSAPP-BAILEYS":
            data = messages.text(self.pen, now_s)
        elif self._integration == "WHATSAPP-BUSINESS":
            data = messages.meta_message(self.pen, now_s)
        else:
            body = messages.evolution_body(self.pen, self._number)
            data = evolution_message(body, self.pen.instance_id, body["key"]["id"], now_s)
        if pad:
            data["message"]["conversation"] += " " + "ponteio " * (pad // 8)
        return PlannedEvent("messages.upsert", data, is_stored=True)

    def evolution_scene(self, body: Data, now: datetime, message_id: str | None = None) -> Scene:
        """What a post to `/webhook/evolution` makes of its body (which has a message)."""
        key = body["key"]
        data = evolution_message(body, self.pen.instance_id, message_id or key.get("id"), _seconds(now))
        scene = [PlannedEvent("messages.upsert", data, is_stored=bool(body.get("messageType")))]
        if not body.get("messageType"):
            return scene
        jid = key.get("remoteJid")
        contact = {"remoteJid": jid, "pushName": body.get("pushName"), "instanceId": self.pen.instance_id}
        if picture := body.get("profilePicUrl"):
            contact["profilePicUrl"] = picture
        scene.append(PlannedEvent("contacts.upsert", contact))
        if jid in self._known:
            scene.append(PlannedEvent("chats.update", events.chat(self.pen, jid)))
        self._known.add(jid)
        scene.append(PlannedEvent("chats.upsert", events.chat(self.pen, jid)))
        return scene

    def _meta_scene(self, now: datetime) -> Scene:
        data = messages.meta_message(self.pen, _seconds(now))
        contact = {
            "remoteJid": data["key"]["remoteJid"].partition("@")[0],
            "pushName": data["pushName"],
            "instanceId": self.pen.instance_id,
        }
        return [PlannedEvent("messages.upsert", data, is_stored=True), PlannedEvent("contacts.upsert", contact)]

    def _baileys_scene(self, now: datetime) -> Scene:
        draw = self.pen.rng.random()
        if draw < 0.72 or self._last_key is None:
            return self._incoming(now)
        if draw < 0.84:
            return self._after_message(now)
        return self._elsewhere(now)

    def _incoming(self, now: datetime) -> Scene:
        kinds, weights = zip(*_BAILEYS_MESSAGES, strict=True)
        write = self.pen.rng.choices(kinds, weights)[0]
        data = write(self.pen, _seconds(now))
        self._last_key = data["key"]
        jid, person = data["key"]["remoteJid"], self.pen.person()
        scene = [
            PlannedEvent("messages.upsert", data, is_stored=True),
            PlannedEvent("contacts.update", [events.contact(self.pen, person, named=False, pictured=True)]),
            PlannedEvent("contacts.update", events.contact(self.pen, person)),
            PlannedEvent("chats.update", [events.chat(self.pen, jid)]),
        ]
        if jid not in self._known:
            self._known.add(jid)
            scene.append(PlannedEvent("chats.upsert", [{"id": self.pen.next_id("cmw"), "name": data["pushName"]}]))
        return scene

    def _after_message(self, now: datetime) -> Scene:
        key, pen, now_s = self._last_key or {}, self.pen, _seconds(now)
        row_id = f"cmw{key['id'][-8:].lower()}"
        draw = pen.rng.random()
        if draw < 0.4:
            reaction = messages.reaction(pen, now_s, key)
            return [PlannedEvent("messages.upsert", reaction, is_stored=True)]
        if draw < 0.7:
            receipt = events.status_update(pen, key, pen.rng.choice(("DELIVERY_ACK", "READ", "PLAYED")), row_id)
            chat = events.chat(pen, key["remoteJid"], unreadMessages=0)
            return [PlannedEvent("messages.update", receipt), PlannedEvent("chats.upsert", [chat])]
        if draw < 0.85:
            edit = events.edited(pen, key, now_s)
            update = events.status_update(pen, key, "SERVER_ACK", row_id)
            update["message"] = {"editedMessage": {"message": edit["editedMessage"]}}
            return [PlannedEvent("messages.edited", edit), PlannedEvent("messages.update", update)]
        return [
            PlannedEvent("messages.edited", events.revoked(key)),
            PlannedEvent("messages.delete", events.deleted(key)),
        ]

    def _elsewhere(self, now: datetime) -> Scene:
        pen, now_s = self.pen, _seconds(now)
        choices: list[Callable[[], Scene]] = [
            lambda: [PlannedEvent("presence.update", events.presence(pen))],
            lambda: [PlannedEvent("groups.upsert", [events.group_metadata(pen, now_s)])],
            lambda: [PlannedEvent("groups.update", [events.group_change(pen)])],
            lambda: [PlannedEvent("group-participants.update", events.participants_change(pen))],
            lambda: [PlannedEvent("labels.edit", events.label_edit(pen))],
            lambda: [PlannedEvent("labels.association", events.label_association(pen))],
            lambda: [PlannedEvent("call", events.call(pen, true_utc(now)))],
            lambda: [PlannedEvent("call", events.call_stanza(pen))],
            lambda: [PlannedEvent("chats.delete", [pen.person().jid])],
            lambda: [PlannedEvent("chats.set", [events.chat(pen, pen.person().jid, name=pen.person().name)])],
            lambda: [PlannedEvent("contacts.upsert", [events.contact(pen, pen.person()) for _ in range(3)])],
            lambda: [PlannedEvent("typebot.start", events.typebot_start(pen))],
            lambda: [PlannedEvent("typebot.change-status", events.typebot_change(pen))],
            lambda: self._history(now_s),
        ]
        return pen.rng.choice(choices)()

    def _history(self, now_s: int) -> Scene:
        old = [messages.text(self.pen, now_s - 86_400 - 60 * minute) for minute in range(self.pen.rng.randrange(4))]
        progress = {"isLatest": True, "progress": self.pen.rng.randrange(1, 101)}
        return [PlannedEvent("messages.set", old, progress)]


def evolution_message(body: Data, instance_id: str, message_id: str | None, now_s: int) -> Data:
    """`messages.upsert` data of the EVOLUTION channel: server time, message and type verbatim."""
    key = body["key"]
    data = {
        "key": {"id": message_id, "remoteJid": key.get("remoteJid"), "fromMe": key.get("fromMe")},
        "pushName": body.get("pushName"),
        "message": body["message"],
        "messageType": body.get("messageType"),
        "messageTimestamp": now_s,
        "source": "unknown",
        "instanceId": instance_id,
    }
    if picture := body.get("profilePicUrl"):
        data["key"]["profilePicUrl"] = picture
    return {name: value for name, value in data.items() if name in body or name not in {"messageType", "pushName"}}


def _seconds(now: datetime) -> int:
    # Evolution rounds, so a timestamp may be half a second ahead.
    return round(now.timestamp())
