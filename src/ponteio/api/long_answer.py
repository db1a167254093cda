"""Answers that are made while they are read, and end with the right to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from fastapi import Response
from starlette.types import ASGIApp, Receive, Scope, Send

GRACE_S = 1.0
"""How long an answer whose reader lost the right to it may take to say so."""


class LongAnswer(Response):
    """`pieces` as they come, no faster than the reader takes them; whatever happens they are closed, and `on_end` is
    called. Once `ended` returns, the answer has a second to end by itself.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        *,
        ended: Callable[[], Awaitable[object]],
        on_end: Callable[[], None],
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(headers=dict(headers), media_type=media_type)
        del self.headers["content-length"]
        self._pieces = pieces
        self._ended = ended
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._while_read(scope, receive, send)
        finally:
            self._on_end()

    async def _while_read(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send), name="long answer")
        others = [asyncio.create_task(_until_gone(receive)), asyncio.create_task(self._until_ended())]
        try:
            await asyncio.wait({sending, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_stuck = not sending.done()
            for task in (sending, *others):
                task.cancel()
            found = await asyncio.gather(sending, *others, return_exceptions=True)
        abort: Callable[[], None] | None = (scope.get("extensions") or {}).get("ponteio.abort")
        if is_stuck and abort is not None:
            abort()
        if isinstance(found[0], Exception):
            raise found[0]

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._pieces):
            async for piece in self._pieces:
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_ended(self) -> None:
        await self._ended()
        await asyncio.sleep(GRACE_S)


class Handed(Response):
    """The answer is `app`'s, from its first byte to its last."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
