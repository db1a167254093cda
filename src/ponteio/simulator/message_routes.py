"""`/chat/findMessages` and `/message/sendText`. Source: chat.router.ts and the three channel services of 2.3.7."""

from __future__ import annotations

from typing import Any

from ponteio.simulator import event_payloads as events
from ponteio.simulator import message_payloads as messages
from ponteio.simulator.find_messages import PageError, find_messages
from ponteio.simulator.rest_answers import Answer, bad_request, schema_violation, script_error
from ponteio.simulator.rest_context import Call, RestContext
from ponteio.simulator.script import PlannedEvent
from ponteio.simulator.state import Instance

_PRISMA_HEAD = """
Invalid `this.prismaRepository.message.findMany()` invocation in
src/api/services/channel.service.ts:642:58

  639   query.page = 1;
  640 }
  641 
→ 642 const messages = await this.prismaRepository.message.findMany("""  # noqa: W291 - verbatim


async def find(_context: RestContext, call: Call, instance: Instance) -> Answer:
    """200 with a page of stored messages, newest first."""
    _validate_query(call.fields)
    try:
        return Answer(200, find_messages(instance, call.fields).body())
    except PageError as error:
        raise script_error(f'{_PRISMA_HEAD}\nAssertionError("{error}")') from None


async def send_text(context: RestContext, call: Call, instance: Instance) -> Answer:
    """201 with what was sent; `send.message` goes out and, through Baileys, its receipts."""
    missing = [name for name in ("number", "text") if name not in call.fields]
    if missing:
        raise schema_violation(*(f'instance requires property "{name}"' for name in missing))
    number, text = str(call.fields["number"]), str(call.fields["text"])
    sent = _sent(context, instance, number, text)
    context.stage.emit(instance, PlannedEvent("send.message", sent, is_stored=True))
    if instance.is_baileys:
        _acknowledge(context, instance, sent)
    return Answer(201, sent)


def _validate_query(fields: Any) -> None:
    where = fields.get("where", {})
    if not isinstance(where, dict):
        raise schema_violation("where is not of a type(s) object")
    key = where.get("key")
    if isinstance(key, dict) and "" in key.values():
        raise schema_violation("The property cannot be empty")


def _sent(context: RestContext, instance: Instance, number: str, text: str) -> dict[str, Any]:
    now_s = round(context.clock().timestamp())
    pen = context.stage.script(instance).pen
    if instance.is_baileys:
        if instance.memory is None or instance.memory.state != "open":
            raise bad_request("Error: Connection Closed")
        return messages.sent_by_api(pen, now_s, number, text)
    if instance.integration == "WHATSAPP-BUSINESS" and not context.options.meta_reachable:
        raise bad_request("TypeError: Cannot read properties of undefined (reading 'message')")
    # The number exactly as given: the EVOLUTION channel makes no JID of it.
    key = {"fromMe": True, "id": pen.next_id("OUT-"), "remoteJid": number}
    return {
        "key": key,
        "message": {"conversation": text},
        "messageType": "conversation",
        "messageTimestamp": now_s,
        "source": "unknown",
        "instanceId": instance.instance_id,
    }


def _acknowledge(context: RestContext, instance: Instance, sent: dict[str, Any]) -> None:
    pen = context.stage.script(instance).pen
    row_id = instance.messages[-1].row_id if instance.messages else ""
    for status in ("SERVER_ACK", "DELIVERY_ACK"):
        receipt = events.status_update(pen, sent["key"], status, row_id)
        context.stage.emit(instance, PlannedEvent("messages.update", receipt))
