"""What every answer has in common. Pure ASGI: no task and no buffer in between."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ponteio.api.problems import internal_problem, problem
from ponteio.model import outcome

MAX_BODY = 1024 * 1024

_HEADERS = [
    (b"cache-control", b"no-store"),  # answers hold QR codes and events
    (b"x-content-type-options", b"nosniff"),
]


class BodyLimit:
    """Refuses bodies above `max_body` bytes: by their announced length before anything is read, else as they come."""

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._max_body:
            await problem(outcome.TOO_LARGE)(scope, receive, send)
            return
        await self._app(scope, self._counting(receive), send)

    def _counting(self, receive: Receive) -> Receive:
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_body:
                raise HTTPException(outcome.TOO_LARGE.status)  # the one kind that the framework passes on unchanged
            return message

        return counted


class LastResort:
    """Adds the common headers, and turns a fault of our own into a problem document that tells nothing about it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last door of the house
            answer = internal_problem(error)
            if not begun:
                await answer(scope, receive, sending)
