"""The REST application: which path and method lead to which handler. The rest is a JSON 404, as in Express."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ponteio.simulator import instance_routes, message_routes, webhook_routes, websocket_routes
from ponteio.simulator.rest_answers import Answer, not_found, to_response
from ponteio.simulator.rest_context import Call, Handler, InstanceHandler, RestContext, endpoint, guarded, requested_url

_PLAIN: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/instance/create", instance_routes.create),
    ("GET", "/instance/fetchInstances", instance_routes.fetch),
    ("POST", "/webhook/evolution", webhook_routes.receive_evolution),
    ("GET", "/webhook/meta", webhook_routes.verify_meta),
    ("POST", "/webhook/meta", webhook_routes.receive_meta),
)
_OF_INSTANCE: tuple[tuple[str, str, InstanceHandler], ...] = (
    ("GET", "/instance/connect", instance_routes.connect),
    ("GET", "/instance/connectionState", instance_routes.connection_state),
    ("POST", "/instance/restart", instance_routes.restart),
    ("DELETE", "/instance/logout", instance_routes.log_out),
    ("DELETE", "/instance/delete", instance_routes.delete),
    ("POST", "/websocket/set", websocket_routes.set_websocket),
    ("GET", "/websocket/find", websocket_routes.find_websocket),
    ("POST", "/chat/findMessages", message_routes.find),
    ("POST", "/message/sendText", message_routes.send_text),
)


def build_rest(context: RestContext, control: Sequence[BaseRoute] = ()) -> Starlette:
    """The application; `control` is the simulator's own remote control, under `/simulator/`."""
    routes: list[BaseRoute] = [Route("/", endpoint(context, _root), methods=["GET"]), *control]
    routes += [Route(path, endpoint(context, handler), methods=[method]) for method, path, handler in _PLAIN]
    routes += [
        # The path convertor lets names with an encoded slash through: `a%2Fb` is the instance `a/b`.
        Route(f"{path}/{{name:path}}", endpoint(context, guarded(handler)), methods=[method])
        for method, path, handler in _OF_INSTANCE
    ]
    app = Starlette(routes=routes, exception_handlers={404: _unknown_route, 405: _unknown_route})
    app.router.redirect_slashes = False
    return app


async def _root(context: RestContext, _call: Call) -> Answer:
    await asyncio.sleep(context.options.root_delay_s)
    body = {
        "status": 200,
        "message": "Welcome to the Evolution API, it is working!",
        "version": context.options.version,
        "clientName": "evolution_exchange",
        "documentation": "https://doc.evolution-api.com",
        "whatsappWebVersion": "2.3000.1027934701",
    }
    return Answer(200, body)


async def _unknown_route(request: Request, _error: Exception) -> Response:
    return to_response(not_found(f"Cannot {request.method} {requested_url(request)}").answer)
