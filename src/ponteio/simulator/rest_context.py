"""What every REST handler is given: the world, the call, and the guards in Evolution's order.

Source: auth.guard.ts, instance.guard.ts and index.router.ts of 2.3.7: the instance's existence is checked before the
key, and the query's `instanceName` overrides the path's after the guards have passed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ponteio.simulator.chaos import Chaos
from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.population import Maker
from ponteio.simulator.rest_answers import (
    EMPTY_OK,
    LICENCE_REQUIRED,
    SWALLOWED,
    Answer,
    RestError,
    malformed_json,
    not_found,
    to_response,
    unauthorized,
)
from ponteio.simulator.sessions import Sessions
from ponteio.simulator.stage import Stage
from ponteio.simulator.state import Instance, World


@dataclass(frozen=True, slots=True)
class RestContext:
    """The parts of the simulator that REST works on."""

    options: SimulatorOptions
    world: World
    maker: Maker
    sessions: Sessions
    stage: Stage
    server_url: Callable[[], str | None]
    chaos: Chaos
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call, its body parsed (`{}` when there is none)."""

    method: str
    url: str
    name: str
    query: Mapping[str, str]
    key: str | None
    body: Any

    @property
    def fields(self) -> Mapping[str, Any]:
        """The body if it is an object, else nothing."""
        return self.body if isinstance(self.body, dict) else {}


Handler = Callable[[RestContext, Call], Awaitable[Answer]]
InstanceHandler = Callable[[RestContext, Call, Instance], Awaitable[Answer]]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(context: RestContext, handler: Handler) -> Endpoint:
    """The Starlette endpoint of a handler: mishaps first, then the body, then the handler."""

    async def answer(request: Request) -> Response:
        await asyncio.sleep(context.chaos.rest_latency_s)
        if context.chaos.licence_required:
            return to_response(LICENCE_REQUIRED)
        if context.chaos.rest_error:
            return to_response(SWALLOWED)
        try:
            return to_response(await handler(context, await _read(request)))
        except RestError as refusal:
            return to_response(refusal.answer)
        except ClientDisconnect:
            return to_response(EMPTY_OK)

    return answer


def guarded(handler: InstanceHandler) -> Handler:
    """A handler behind the guards of `/…/:instanceName`: does it exist, then is the key its own or the global one."""

    async def behind_guards(context: RestContext, call: Call) -> Answer:
        if not call.name:
            raise not_found(f"Cannot {call.method} {call.url}")
        named = existing(context, call.name)
        require_key(context, call, named)
        return await handler(context, call, existing(context, call.query.get("instanceName") or call.name))

    return behind_guards


def existing(context: RestContext, name: str) -> Instance:
    """The instance of that name, else 404."""
    instance = context.world.get(name)
    if instance is None:
        raise not_found(f'The "{name}" instance does not exist')
    return instance


def require_key(context: RestContext, call: Call, instance: Instance | None = None) -> None:
    """401 unless the key is the global one or the token of `instance`."""
    accepted = {context.world.api_key} | ({instance.token} if instance is not None else set())
    if context.chaos.refuse_key or call.key is None or call.key not in accepted:
        raise unauthorized()


async def _read(request: Request) -> Call:
    return Call(
        method=request.method,
        url=requested_url(request),
        name=_name(request.scope["raw_path"].decode("latin-1")),
        query=dict(request.query_params),
        key=request.headers.get("apikey"),
        body=_parse(await request.body(), request.headers.get("content-type", "")),
    )


def requested_url(request: Request) -> str:
    """The path and query as they were sent."""
    path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _name(raw_path: str) -> str:
    """The decoded third segment if it is the last one (a slash at the end does not count), else nothing."""
    segments = raw_path.removesuffix("/").split("/")[1:]
    return unquote(segments[2]) if len(segments) == 3 else ""


def _parse(raw: bytes, content_type: str) -> Any:
    if not raw or "json" not in content_type:
        return {}
    text = raw.decode("utf-8", "replace")
    try:
        # The standard library accepts lone surrogates, as JavaScript does.
        return json.loads(text)
    except (ValueError, RecursionError):
        raise malformed_json(text) from None
