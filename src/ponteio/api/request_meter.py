"""How many REST requests there are, of which kind, and how long until they are answered. Pure ASGI."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ponteio.api.services import ApiServices

ELSEWHERE = "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMeter:
    """Counts each request by method, route template and class of status when its answer begins: one that streams may
    have no end. What no route takes shares one template, so
    that whoever asks for many addresses makes no more kinds; what ends without an answer has the status `none`.
    """

    def __init__(self, app: ASGIApp, services: ApiServices, monotonic: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._services = services
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, has_begun = self._monotonic(), False

        def count(status: str) -> None:
            self._services.counters.answered((_method(scope), _template(scope), status), self._monotonic() - began)

        async def sending(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                count(f"{message['status'] // 100}xx")
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            if not has_begun:
                count("none")


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else ELSEWHERE


def _template(scope: Scope) -> str:
    """The route's own path, with names of parameters where the address has values."""
    return getattr(scope.get("route"), "path_format", ELSEWHERE)
