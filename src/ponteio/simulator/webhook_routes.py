"""`/webhook/evolution` and `/webhook/meta`: where messages come in, with no key at all.

Source: evolution.channel.service.ts, meta.controller.ts and whatsapp.business.service.ts of 2.3.7.
"""

from __future__ import annotations

from typing import Any

from ponteio.simulator.rest_answers import EMPTY_OK, Answer, script_error
from ponteio.simulator.rest_context import Call, RestContext
from ponteio.simulator.script import PlannedEvent
from ponteio.simulator.state import Instance

_SUCCESS = Answer(200, {"status": "success"})
_VERIFY_TOKEN = "evolution"  # noqa: S105 - the public default of WA_BUSINESS_TOKEN_WEBHOOK


async def receive_evolution(context: RestContext, call: Call) -> Answer:
    """200 whatever the body; the message goes out if the number is an EVOLUTION instance's and the body has one."""
    number = call.fields.get("numberId")
    instance = context.world.by_number(number) if isinstance(number, str) else None
    if instance is None:
        return EMPTY_OK
    if instance.memory is None:
        raise script_error("Cannot read properties of undefined (reading 'connectToWhatsapp')")
    if instance.integration != "EVOLUTION" or not call.fields.get("message"):
        return _SUCCESS
    if not isinstance(call.fields.get("key"), dict):
        # A TypeError that nobody awaits.
        return _SUCCESS
    script = context.stage.script(instance)
    message_id = call.fields["key"].get("id") or context.maker.message_id()
    for planned in script.evolution_scene(dict(call.fields), context.clock(), message_id):
        context.stage.emit(instance, planned)
    return _SUCCESS


async def verify_meta(_context: RestContext, call: Call) -> Answer:
    """200 with the challenge, as Meta wants it when a webhook is registered."""
    if call.query.get("hub.verify_token") == _VERIFY_TOKEN:
        challenge = call.query.get("hub.challenge", "")
        return Answer(200, int(challenge) if challenge.isdigit() else challenge)
    return Answer(200, "Error, wrong validation token")


async def receive_meta(context: RestContext, call: Call) -> Answer:
    """200 whatever the body; only the first message of the first change of each entry is looked at."""
    for entry in call.fields.get("entry") or []:
        value = entry["changes"][0]["value"]
        instance = context.world.by_number(value["metadata"]["phone_number_id"])
        if instance is not None and instance.integration == "WHATSAPP-BUSINESS":
            for planned in [*_meta_message(value, instance), *_meta_statuses(value, instance)]:
                context.stage.emit(instance, planned)
    return _SUCCESS


def _meta_message(value: dict[str, Any], instance: Instance) -> list[PlannedEvent]:
    if not value.get("messages"):
        return []
    message, profile = value["messages"][0], value["contacts"][0]["profile"]
    jid = f"{message['from']}@s.whatsapp.net"
    data = {
        "key": {"id": message["id"], "remoteJid": jid, "fromMe": False},
        "pushName": profile.get("name"),
        "message": {"conversation": message.get("text", {}).get("body", "")},
        "messageType": "conversation",
        "messageTimestamp": int(message["timestamp"]),
        "source": "unknown",
        "instanceId": instance.instance_id,
    }
    # `profile.phone` is what the code reads; Meta does not send it, and then the member is missing.
    contact = {"remoteJid": profile["phone"]} if "phone" in profile else {}
    contact |= {"pushName": profile.get("name"), "instanceId": instance.instance_id}
    return [PlannedEvent("messages.upsert", data, is_stored=True), PlannedEvent("contacts.upsert", contact)]


def _meta_statuses(value: dict[str, Any], instance: Instance) -> list[PlannedEvent]:
    planned = []
    for status in value.get("statuses") or []:
        stored = next((each for each in instance.messages if each.data["key"].get("id") == status["id"]), None)
        if stored is None:
            # An unknown message ends the list.
            break
        key = stored.data["key"]
        update = {
            "messageId": stored.row_id,
            "keyId": status["id"],
            "remoteJid": key["remoteJid"],
            "fromMe": key["fromMe"],
            "participant": key["remoteJid"],
            "status": status["status"].upper(),
            "instanceId": instance.instance_id,
        }
        planned.append(PlannedEvent("messages.update", update))
    return planned
