"""`/metrics` on a port of its own, for a Prometheus that has no key: nothing else answers there."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ponteio.model.web_origin import is_host_allowed
from ponteio.observe.metrics import CONTENT_TYPE

PATH = "/metrics"
Text = Callable[[], Awaitable[bytes]]


def page_response(body: bytes) -> Response:
    """A scrape."""
    return Response(body, media_type=None, headers={"content-type": CONTENT_TYPE})


def metrics_app(text: Text, host: str) -> ASGIApp:
    """The application of that port, which listens on `host`. On the machine itself it answers to no foreign name: a web
    page could reach it by one through DNS rebinding.
    """
    is_local = _is_loopback(host)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if is_local and not is_host_allowed(hosts[0] if len(hosts) == 1 else None, ()):
            answer: Response = PlainTextResponse("not by that name\n", 421)
        elif scope["path"] != PATH:
            answer = PlainTextResponse("only /metrics is here\n", 404)
        elif scope["method"] not in ("GET", "HEAD"):
            answer = PlainTextResponse("only GET\n", 405, {"allow": "GET, HEAD"})
        else:
            answer = page_response(await text())
        await answer(scope, receive, send)

    return app


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
