"""`/websocket/set` and `/websocket/find`. Source: websocket.router.ts, event.schema.ts and event.controller.ts."""

from __future__ import annotations

from typing import Any

from ponteio.simulator.instance_routes import websocket_body
from ponteio.simulator.population import chosen_events
from ponteio.simulator.rest_answers import EMPTY_OK, Answer, schema_violation, script_error
from ponteio.simulator.rest_context import Call, RestContext
from ponteio.simulator.state import EVENT_NAMES, Instance


async def set_websocket(context: RestContext, call: Call, instance: Instance) -> Answer:
    """201 with the row; 201 and nothing at all when the server's websocket is off."""
    asked = call.fields.get("websocket")
    _validate(asked)
    if not context.options.websocket_enabled:
        return Answer(201, is_empty=True)
    enabled, events = _read(asked)
    row = instance.websocket
    if row is None:
        row = instance.websocket = context.maker.websocket_row(enabled, events)
    else:
        row.enabled, row.events, row.updated_at = enabled, chosen_events(enabled, events), context.clock()
    return Answer(201, websocket_body(instance, row))


async def find_websocket(context: RestContext, _call: Call, instance: Instance) -> Answer:
    """200 with the row, with `null` when it was never set, with nothing when the server's websocket is off."""
    if not context.options.websocket_enabled:
        return EMPTY_OK
    row = instance.websocket
    return Answer(200, None if row is None else websocket_body(instance, row))


def _read(asked: Any) -> tuple[bool, list[str]]:
    if asked is None:
        # No nested object, as with the flat body of version 1: the code runs into `undefined`.
        raise script_error("Cannot set properties of undefined (setting 'events')")
    if asked["enabled"] and "events" not in asked:
        raise script_error("Cannot read properties of undefined (reading 'length')")
    return asked["enabled"], asked.get("events", [])


def _validate(asked: Any) -> None:
    if asked is None:
        return
    if not isinstance(asked, dict):
        raise schema_violation("websocket is not of a type(s) object")
    problems = _enabled_problems(asked) + _events_problems(asked)
    if problems:
        raise schema_violation(*problems)


def _enabled_problems(asked: dict[str, Any]) -> list[str]:
    if "enabled" not in asked:
        return ['websocket requires property "enabled"']
    if not isinstance(asked["enabled"], bool):
        return [
            "websocket.enabled is not of a type(s) boolean",
            "websocket.enabled is not one of enum values: true,false",
        ]
    return []


def _events_problems(asked: dict[str, Any]) -> list[str]:
    if "events" not in asked:
        return []
    if not isinstance(asked["events"], list):
        return ["websocket.events is not of a type(s) array"]
    names = ",".join(EVENT_NAMES)
    return [
        f"websocket.events[{index}] is not one of enum values: {names}"
        for index, name in enumerate(asked["events"])
        if name not in EVENT_NAMES
    ]
