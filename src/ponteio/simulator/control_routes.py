"""The remote control: every mishap as `POST /simulator/<verb>` with a JSON body and the global key.

It is not part of what is simulated: it answers while the process is frozen, and while every key is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ponteio.simulator.rest_answers import Answer, bad_request, to_response, unauthorized
from ponteio.simulator.sessions import InstanceNotReadyError

if TYPE_CHECKING:
    from ponteio.simulator.server import Simulator

Body = dict[str, Any]
Verb = Callable[["Simulator", Request, Body], Awaitable[Response | None]]
_SWITCHES = (
    *("refuse_key", "garbage_handshake", "html_502", "rest_error", "rest_latency_s"),
    *("html_page", "redirects", "drops_upgrade", "frame_limit", "licence_required"),
)


def control_routes(simulator: Simulator) -> list[Route]:
    """The routes of the remote control."""
    routes = [Route(f"/simulator/{name}", _endpoint(simulator, verb), methods=["POST"]) for name, verb in _VERBS]
    return [*routes, Route("/simulator/stats", _stats_endpoint(simulator), methods=["GET"])]


def _endpoint(simulator: Simulator, verb: Verb) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if request.headers.get("apikey") != simulator.api_key:
            return to_response(unauthorized().answer)
        try:
            body = orjson.loads(await request.body() or b"{}")
            return await verb(simulator, request, body) or to_response(Answer(200, {"done": True}))
        except (KeyError, TypeError, ValueError, LookupError, InstanceNotReadyError) as error:
            return to_response(bad_request(f"{type(error).__name__}: {error}").answer)

    return answer


def _stats_endpoint(simulator: Simulator) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if request.headers.get("apikey") != simulator.api_key:
            return to_response(unauthorized().answer)
        return to_response(Answer(200, simulator.summary()))

    return answer


async def _restart(simulator: Simulator, _request: Request, body: Body) -> Response:
    down_s = float(body.get("down_s", 0.5))
    # The answer must be out before its own connection dies.
    return _later(lambda: simulator.restart_soon(down_s))


async def _drop(simulator: Simulator, request: Request, _body: Body) -> None:
    simulator.drop(spare=None if request.client is None else (request.client.host, request.client.port))


async def _freeze(simulator: Simulator, _request: Request, body: Body) -> None:
    simulator.freeze(for_s=body.get("for_s"))


async def _thaw(simulator: Simulator, _request: Request, _body: Body) -> None:
    simulator.thaw()


async def _chaos(simulator: Simulator, _request: Request, body: Body) -> None:
    for name in _SWITCHES:
        if name in body:
            setattr(simulator.chaos, name, body[name])
    simulator.emission.duplicate = bool(body.get("duplicate", simulator.emission.duplicate))


async def _flood(simulator: Simulator, _request: Request, body: Body) -> None:
    await simulator.flood(body["instance"], int(body["count"]), size=int(body.get("size", 0)))


async def _big(simulator: Simulator, _request: Request, body: Body) -> None:
    simulator.emit_big(body["instance"], float(body.get("megabytes", 20)))


async def _emit(simulator: Simulator, _request: Request, body: Body) -> None:
    simulator.emit(body["instance"], body["event"], body.get("data"), **body.get("extra", {}))


async def _raw(simulator: Simulator, _request: Request, body: Body) -> None:
    simulator.emit_raw([body["frame"]], body.get("namespace", "/"))


async def _rate(simulator: Simulator, _request: Request, body: Body) -> None:
    simulator.traffic.rate = float(body["rate"])


async def _scan(simulator: Simulator, _request: Request, body: Body) -> None:
    await simulator.scan(body["instance"])


async def _interrupt(simulator: Simulator, _request: Request, body: Body) -> None:
    await simulator.interrupt(body["instance"], float(body.get("for_s", 0)))


async def _bulk_connect(simulator: Simulator, _request: Request, _body: Body) -> None:
    simulator.bulk_connect()


_VERBS: tuple[tuple[str, Verb], ...] = (
    ("restart", _restart),
    ("drop", _drop),
    ("freeze", _freeze),
    ("thaw", _thaw),
    ("chaos", _chaos),
    ("flood", _flood),
    ("big", _big),
    ("emit", _emit),
    ("raw", _raw),
    ("rate", _rate),
    ("scan", _scan),
    ("interrupt", _interrupt),
    ("bulk_connect", _bulk_connect),
)


def _later(act: Callable[[], None]) -> Response:
    async def in_background() -> None:
        asyncio.get_running_loop().call_soon(act)

    response = to_response(Answer(200, {"done": True}))
    response.background = BackgroundTask(in_background)
    return response
