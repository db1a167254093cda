"""What is looked at before the Socket.IO library sees a request: host, origin, size, shape, room for one more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import orjson

from ponteio.live.options import LiveOptions
from ponteio.live.request import Scope, address_of, headers, host_of
from ponteio.model.outcome import (
    HOST_REFUSED,
    INVALID_REQUEST,
    METHOD_NOT_ALLOWED,
    ORIGIN_REFUSED,
    TOO_LARGE,
    Outcome,
    RefusalError,
)
from ponteio.model.web_origin import is_host_allowed, is_origin_allowed
from ponteio.observe.counters import Counters

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

PATHS = frozenset({"/socket.io/", "/socket.io"})
BODY_S = 10.0
"""How long the body of a polling request may take to arrive."""
_TRANSPORT = {"http": "polling", "websocket": "websocket"}


class Gate:
    """An ASGI application: requests for the Socket.IO path go to `edge` if they may, all others to `other`.

    `no_room` is asked about a new session from an address, and names the outcome when it cannot be taken.
    """

    def __init__(
        self,
        edge: AsgiApp,
        other: AsgiApp,
        *,
        options: LiveOptions,
        counters: Counters,
        no_room: Callable[[str], Outcome | None],
    ) -> None:
        self._edge = edge
        self._other = other
        self._options = options
        self._counters = counters
        self._no_room = no_room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in _TRANSPORT or scope["path"] not in PATHS:
            await self._other(scope, receive, send)
            return
        try:
            first = await self._arrived(scope, receive)
        except RefusalError as refusal:
            self._counters.refuse(refusal.outcome.code)
            await _answer(scope, send, refusal)
        except ConnectionError:
            return
        else:
            await self._edge(scope, _Replay(first, receive), send)

    async def _arrived(self, scope: Scope, receive: Receive) -> Message:
        """What there is to `receive` of a request that may go on. Raises `RefusalError`; `ConnectionError` when the
        client is gone.
        """
        try:
            async with asyncio.timeout(BODY_S):
                first = await receive()
                if first["type"] not in ("http.request", "websocket.connect"):
                    raise ConnectionError
                self._judge(scope)
                return await self._whole_body(scope, first, receive) if scope.get("method") == "POST" else first
        except TimeoutError:
            raise RefusalError(INVALID_REQUEST, "The body did not arrive in time.") from None

    def _judge(self, scope: Scope) -> None:
        self._judge_names(scope)
        if scope["type"] == "http" and scope["method"] not in ("GET", "POST", "OPTIONS"):
            raise RefusalError(METHOD_NOT_ALLOWED)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope.get("method") != "OPTIONS" and query.get("transport", ["polling"])[0] != _TRANSPORT[scope["type"]]:
            raise RefusalError(INVALID_REQUEST, "The transport is not that of the request.")
        if "j" in query:
            raise RefusalError(INVALID_REQUEST, "JSONP is not taken: it would pass by the check of the origin.")
        is_new = "sid" not in query and scope.get("method") in (None, "GET")
        outcome = self._no_room(address_of(scope)) if is_new else None
        if outcome is not None:
            raise RefusalError(outcome)

    def _judge_names(self, scope: Scope) -> None:
        options, host = self._options, host_of(scope)
        if not is_host_allowed(host, options.allowed_hosts):
            raise RefusalError(HOST_REFUSED)
        origins = headers(scope, b"origin")
        if len(origins) > 1 or not all(
            is_origin_allowed(one, host, options.own_origins, options.allowed_origins) for one in origins
        ):
            raise RefusalError(ORIGIN_REFUSED)

    async def _whole_body(self, scope: Scope, first: Message, receive: Receive) -> Message:
        if not headers(scope, b"content-length"):
            raise RefusalError(INVALID_REQUEST, "A body without Content-Length is not taken.")
        body, message = bytearray(first.get("body", b"")), first
        while message.get("more_body") and len(body) <= self._options.inbound_bytes:
            message = await receive()
            if message["type"] != "http.request":
                raise ConnectionError
            body += message.get("body", b"")
        if len(body) > self._options.inbound_bytes:
            raise RefusalError(TOO_LARGE)
        return {"type": "http.request", "body": bytes(body), "more_body": False}


class _Replay:
    """A `receive` that gives back what was taken from it."""

    def __init__(self, first: Message, receive: Receive) -> None:
        self._first: Message | None = first
        self._receive = receive

    async def __call__(self) -> Message:
        first, self._first = self._first, None
        return await self._receive() if first is None else first


async def _answer(scope: Scope, send: Send, refusal: RefusalError) -> None:
    """A problem document (RFC 9457), over HTTP or in place of a WebSocket handshake."""
    outcome = refusal.outcome
    prefix = "websocket.http" if scope["type"] == "websocket" else "http"
    body = orjson.dumps(
        {
            "type": f"urn:ponteio:problem:{outcome.code}",
            "title": outcome.title,
            "status": outcome.status,
            "detail": refusal.detail,
            "code": outcome.code,
            "retry": outcome.retry,
        }
    )
    fields = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
    if outcome.retry:
        fields.append((b"retry-after", b"5"))
    if scope["type"] == "http":
        fields.append((b"connection", b"close"))
    await send({"type": f"{prefix}.response.start", "status": outcome.status, "headers": fields})
    await send({"type": f"{prefix}.response.body", "body": body})
