"""One reader of Server-Sent Events, from its admission to its last byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ponteio.live.desk import Desk
from ponteio.live.gate import Receive, Send
from ponteio.live.handshake import Admission
from ponteio.live.options import LiveOptions
from ponteio.live.request import Scope
from ponteio.live.room import Member
from ponteio.live.sessions import Sessions
from ponteio.live.sse_door import SseDoor

ABORT = "ponteio.abort"
"""The extension of an ASGI scope that ends the connection at once, where the server has it."""
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"x-accel-buffering", b"no"),  # nginx would hold back what is little
    (b"connection", b"close"),
]


class SseStream:
    """An ASGI application that answers one request with the events of a member, until either side ends it.

    It counts among the sockets from the moment it is made. If nobody calls it in time, its place is free again.
    """

    def __init__(self, address: str, desk: Desk, sessions: Sessions, options: LiveOptions) -> None:
        self.address = address
        self.door = SseDoor(self._part_soon)
        self.cookie: str | None = None
        self.member: Member | None = None
        self.admission: Admission | None = None
        self.must_connect_by: float | None = asyncio.get_running_loop().time() + options.auth_deadline_s
        self.was_refused = False
        self.closing = False
        self._desk = desk
        self._sessions = sessions
        self._options = options
        self._sending: asyncio.Task[None] | None = None
        self._abort: Callable[[], None] | None = None
        sessions.add(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole answer."""
        self._abort = (scope.get("extensions") or {}).get(ABORT)
        hearing = asyncio.create_task(_until_gone(receive), name="stream's reader")
        self._sending = asyncio.create_task(self._send(send), name="stream")
        try:
            await asyncio.wait({hearing, self._sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (hearing, self._sending):
                task.cancel()
            _, error = await asyncio.gather(hearing, self._sending, return_exceptions=True)
            self._end()
        if isinstance(error, Exception):
            raise error

    def look(self, now: float) -> None:
        """A stream that nobody began to read is given up; a quiet one gives a sign of life."""
        if self.closing:
            return
        if self.must_connect_by is not None and now >= self.must_connect_by:
            self.finish()
        elif self.member is not None and not self.door.backlog and now - self.door.put_at >= self._options.sse_quiet_s:
            self.door.comment()

    def finish(self) -> None:
        if not self.closing:
            self.door.shut()
            self._part_soon()
            if self._sending is None:
                self._end()

    def cut(self) -> None:
        self.closing = True
        self.door.cut()
        if self._sending is None or self._sending.done():
            self._end()
        elif self._abort is not None:
            self._abort()
        else:
            self._sending.cancel()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await self._desk.enter(self)
        while (chunk := await self.door.take()) is not None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _part_soon(self) -> None:
        """The reader has the grace to read what waits."""
        self.closing = True
        self._desk.part(self)
        asyncio.get_running_loop().call_later(self._options.farewell_s, self._cut_if_open)

    def _cut_if_open(self) -> None:
        if self._sending is not None and not self._sending.done():
            self.cut()

    def _end(self) -> None:
        self.closing = True
        self._desk.abandon(self)
        self._desk.part(self)
        self._sessions.discard(self)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
