"""`/instance/*`: create, list, connect, state, restart, log out, delete. Source: instance.controller.ts of 2.3.7."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ponteio.simulator.local_time import true_utc
from ponteio.simulator.rest_answers import (
    SWALLOWED,
    Answer,
    bad_request,
    forbidden,
    not_found,
    schema_violation,
    script_error,
    unauthorized,
)
from ponteio.simulator.rest_context import Call, RestContext, require_key
from ponteio.simulator.script import PlannedEvent
from ponteio.simulator.state import INTEGRATIONS, Instance, Memory, WebsocketRow

_PRISMA_NAME_ERROR = """PrismaClientValidationError: 
Invalid `prismaRepository.instance.findMany()` invocation in
src/api/guards/instance.guard.ts:19:55

  16   return exists || keyExists;
  17 }
  18 
→ 19 return exists || (await prismaRepository.instance.findMany({
       where: {
         name: %s
               ~~~
       }
     })

Argument `name`: Invalid value provided. Expected StringFilter or String, provided Int."""  # noqa: W291 - verbatim


async def create(context: RestContext, call: Call) -> Answer:
    """201 with the new instance; `instance.create` goes out once its websocket row is there."""
    name = call.fields.get("instanceName")
    _require_free_name(context, name)
    require_key(context, call)
    if not isinstance(name, str):
        raise schema_violation('instance requires property "instanceName"')
    instance = _make(context, name, call.fields)
    context.world.add(instance)
    context.sessions.load(instance)
    asked = call.fields.get("websocket")
    if asked:
        _store_websocket(context, instance, asked)
    created = {"instanceName": name, "instanceId": instance.instance_id}
    context.stage.emit(instance, PlannedEvent("instance.create", created))
    body = _created_body(context, instance, has_websocket=bool(asked))
    if instance.is_baileys and call.fields.get("qrcode"):
        context.sessions.connect(instance, instance.number)
        await asyncio.sleep(context.options.connect_wait_s)
        body["qrcode"] = _qr(instance.memory)
    return Answer(201, body)


async def fetch(context: RestContext, call: Call) -> Answer:
    """200 with all rows (tokens included), or with those of the instance whose token is the key."""
    name, instance_id = call.query.get("instanceName"), call.query.get("instanceId")
    if context.chaos.refuse_key or not call.key or not context.world.opens(call.key):
        raise unauthorized()
    if call.key != context.world.api_key:
        own = [each for each in context.world if each.token == call.key]
        own = [each for each in own if name in {None, each.name} and instance_id in {None, each.instance_id}]
        if not own:
            raise unauthorized()
        return Answer(200, [_row(each) for each in own])
    return Answer(200, [_row(each) for each in _matching(context, name, instance_id, call.query.get("number"))])


async def connect(context: RestContext, call: Call, instance: Instance) -> Answer:
    """200 whatever happens: the state, the QR code being shown, or `{"count":0}` when it is not there yet."""
    memory = instance.memory
    if memory is None:
        return SWALLOWED
    if memory.state == "open":
        return await connection_state(context, call, instance)
    if not instance.is_baileys:
        # A logged-out EVOLUTION or Meta instance stays closed until the process restarts.
        return Answer(200, {})
    if memory.state == "close":
        context.sessions.connect(instance, call.query.get("number"))
        await asyncio.sleep(context.options.connect_wait_s)
    return Answer(200, _qr(instance.memory))


async def connection_state(_context: RestContext, _call: Call, instance: Instance) -> Answer:
    """200 with the state in memory; without `state` while the instance is not loaded."""
    state = {} if instance.memory is None else {"state": instance.memory.state}
    return Answer(200, {"instance": {"instanceName": instance.name, **state}})


async def restart(context: RestContext, call: Call, instance: Instance) -> Answer:
    """200: what connect would say; a closed instance is an error that looks like a success."""
    memory = instance.memory
    if memory is None or memory.state == "close":
        return SWALLOWED
    if instance.is_baileys and memory.state == "open":
        context.sessions.tasks.start(instance.name, context.sessions.interrupt(instance))
    return await connect(context, call, instance)


async def log_out(context: RestContext, _call: Call, instance: Instance) -> Answer:
    """200 and the session is over; 400 when it already was."""
    if instance.memory is None or instance.memory.state == "close":
        raise bad_request(f'The "{instance.name}" instance is not connected')
    context.sessions.log_out(instance)
    return _success("Instance logged out")


async def delete(context: RestContext, _call: Call, instance: Instance) -> Answer:
    """200 and the instance is gone; its namespace stays, and its name is free."""
    if instance.memory is not None and instance.memory.state != "close":
        context.sessions.log_out(instance)
    context.sessions.tasks.end(instance.name)
    deleted = {"instanceName": instance.name, "instanceId": instance.instance_id}
    context.stage.emit(instance, PlannedEvent("instance.delete", deleted))
    context.stage.emit(instance, PlannedEvent("remove.instance", None))
    context.world.remove(instance.name)
    return _success("Instance deleted")


def _require_free_name(context: RestContext, name: Any) -> None:
    # This guard runs before the key is looked at: names can be probed by anybody.
    if name is not None and not isinstance(name, str):
        raise script_error(_PRISMA_NAME_ERROR % name, in_list=True)
    if (name is None and len(context.world)) or (name is not None and context.world.get(name)):
        raise forbidden(f'This name "{"undefined" if name is None else name}" is already in use.')


def _make(context: RestContext, name: str, fields: Any) -> Instance:
    integration = fields.get("integration")
    if integration not in INTEGRATIONS:
        raise bad_request("Invalid integration")
    if integration == "WHATSAPP-BUSINESS" and not fields.get("token"):
        raise bad_request("token is required")
    instance = context.maker.make(
        name,
        integration,
        token=fields.get("token"),
        number=fields.get("number"),
        business_id=fields.get("businessId"),
    )
    instance.settings |= {key: fields[key] for key in instance.settings if key in fields}
    return instance


def _store_websocket(context: RestContext, instance: Instance, asked: Any) -> None:
    events = asked.get("events") if isinstance(asked, dict) else None
    if not isinstance(events, list):
        # The instance exists by now and is taken back, which is told like a deletion.
        context.stage.emit(instance, PlannedEvent("remove.instance", None))
        context.world.remove(instance.name)
        raise bad_request("Cannot read properties of undefined (reading 'length')")
    # Always enabled, whatever the body says, and no name is checked.
    instance.websocket = context.maker.websocket_row(True, events)


def _created_body(context: RestContext, instance: Instance, *, has_websocket: bool) -> dict[str, Any]:
    is_meta = instance.integration == "WHATSAPP-BUSINESS"
    head = {
        "instanceName": instance.name,
        "instanceId": instance.instance_id,
        "integration": instance.integration,
        "webhookWaBusiness": f"{context.server_url() or ''}/webhook/meta" if is_meta else None,
        "accessTokenWaBusiness": "evolution" if is_meta else "",
        "status": "close" if instance.is_baileys else "open",
    }
    return {
        "instance": head,
        "hash": instance.token,
        "webhook": {},
        "websocket": {"enabled": True} if has_websocket else {},
        "rabbitmq": {},
        "nats": {},
        "sqs": {},
        "settings": dict(instance.settings),
    }


def _matching(
    context: RestContext, name: str | None, instance_id: str | None, number: str | None
) -> Sequence[Instance]:
    if instance_id is not None or number is not None:
        wanted = instance_id or number
        found = [each for each in context.world if wanted in {each.instance_id, each.number}]
    elif name is not None:
        wanted = name
        found = [each for each in context.world if each.name == name]
    else:
        return list(context.world)
    if not found:
        raise not_found(f'Instance "{wanted}" not found')
    return found


def _row(instance: Instance) -> dict[str, Any]:
    return {
        "id": instance.instance_id,
        "name": instance.name,
        "connectionStatus": instance.db_state,
        "ownerJid": instance.owner_jid,
        "profileName": instance.profile_name,
        "profilePicUrl": None,
        "integration": instance.integration,
        "number": instance.number,
        "businessId": instance.business_id,
        "token": instance.token,
        "clientName": "evolution_exchange",
        "disconnectionReasonCode": instance.disconnection_code,
        "disconnectionObject": instance.disconnection_object,
        "disconnectionAt": None if instance.disconnected_at is None else true_utc(instance.disconnected_at),
        **_dates(instance.created_at, instance.updated_at),
        **dict.fromkeys(("Chatwoot", "Proxy", "Rabbitmq", "Nats", "Sqs")),
        "Websocket": None if instance.websocket is None else websocket_body(instance, instance.websocket),
        "Setting": {
            "id": instance.setting_id,
            **instance.settings,
            **_dates(instance.created_at, instance.updated_at),
            "instanceId": instance.instance_id,
        },
        "_count": {
            "Message": len(instance.messages),
            "Contact": len(instance.contacts),
            "Chat": len(instance.chats),
        },
    }


def websocket_body(instance: Instance, row: WebsocketRow) -> dict[str, Any]:
    """A websocket row as REST shows it."""
    return {
        "id": row.row_id,
        "enabled": row.enabled,
        "events": row.events,
        **_dates(row.created_at, row.updated_at),
        "instanceId": instance.instance_id,
    }


def _dates(created_at: datetime, updated_at: datetime) -> dict[str, str]:
    return {"createdAt": true_utc(created_at), "updatedAt": true_utc(updated_at)}


def _qr(memory: Memory | None) -> dict[str, Any]:
    if memory is None or memory.qr is None:
        return {"count": 0}
    qr = memory.qr
    return {"pairingCode": qr.pairing_code, "code": qr.code, "base64": qr.base64, "count": qr.count}


def _success(message: str) -> Answer:
    return Answer(200, {"status": "SUCCESS", "error": False, "response": {"message": message}})
