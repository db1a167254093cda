"""The Engine.IO side: python-engineio, bent where Node's engine.io 6.6 behaves differently.

* OPEN carries the intervals in whole milliseconds, in Node's member order.
* A malformed packet, a missed ping and a missed namespace deadline end the transport itself, with a close frame that
  has no code (seen as 1005).
* A packet shared by polling and websocket recipients is encoded for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

import engineio
from engineio import async_socket, exceptions
from engineio import packet as eio_packet

from ponteio.simulator.packets import Frame


class SharedPacket(eio_packet.Packet):  # type: ignore[misc]  # engineio is untyped
    """A message packet that may be written to many transports."""

    def encode(self, b64: bool = False) -> Frame:
        # The library caches one form for both transports: a polling reader would be handed raw bytes.
        if self.binary and not b64:
            return bytes(self.data)
        encoded: Frame = super().encode(b64=b64)
        return encoded


class _StrictWebSocket:
    """The websocket of one session; a frame that is no Engine.IO packet ends it, as in Node."""

    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket
        self.send = websocket.send

    async def wait(self) -> Frame:
        frame: Frame = await self._websocket.wait()
        if isinstance(frame, str) and frame[:1] not in {*"0123456"}:
            raise OSError("malformed packet")
        return frame

    async def close(self) -> None:
        # The peer may be gone already; there is nobody to tell.
        with contextlib.suppress(Exception):
            await self._websocket.asgi_send({"type": "websocket.close", "code": None})


class EngineSocket(async_socket.AsyncSocket):  # type: ignore[misc]  # engineio is untyped
    """One Engine.IO session."""

    def push(self, packets: list[eio_packet.Packet]) -> None:
        """Queue packets for the client, in order, at once."""
        for packet in packets:
            self.queue.put_nowait(packet)

    async def close(
        self,
        wait: bool = False,  # noqa: ARG002 - the library passes it
        abort: bool = False,
        reason: str | None = None,
    ) -> None:
        """End the session and its transport: a websocket is closed, a pending poll is answered (the library does
        neither). `abort` = the other side has already said goodbye; nobody is ever waited for."""
        if self.closed or self.closing:
            return
        await super().close(wait=False, abort=True, reason=reason)
        last = eio_packet.Packet(eio_packet.NOOP if abort else eio_packet.CLOSE)
        self.queue.put_nowait(None if self.upgraded else last)

    async def check_ping_timeout(self) -> bool:
        if self.closed:
            raise exceptions.SocketIsClosedError
        if self.last_ping and time.time() - self.last_ping > self.server.ping_timeout:
            await self.close(reason=self.server.reason.PING_TIMEOUT)
            return False
        return True

    async def _websocket_handler(self, ws: Any) -> None:
        await super()._websocket_handler(_StrictWebSocket(ws))


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]  # engineio is untyped
    """An Engine.IO server that knows its background tasks and can be ended between two instructions."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tasks: set[asyncio.Future[Any]] = set()

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any
    ) -> asyncio.Future[Any]:
        task = asyncio.ensure_future(target(*args, **kwargs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def kill(self) -> None:
        """Forget every session and stop every timer; nobody is told."""
        for task in list(self._tasks):
            task.cancel()
        for session in list(self.sockets.values()):
            session.queue.put_nowait(None)

    async def _handle_connect(self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None) -> Any:
        if self.start_service_task:
            self.start_service_task: bool = False
            self.service_task_handle = self.start_background_task(self._service_task)
        sid = self.generate_id()
        session = EngineSocket(self, sid)
        self.sockets[sid] = session
        session.push([eio_packet.Packet(eio_packet.OPEN, self._open_data(sid, transport))])
        await self._trigger_event("connect", sid, environ, run_async=False)
        session.schedule_ping()
        if transport == "websocket":
            answer = await session.handle_get_request(environ)
            if session.closed:
                self.sockets.pop(sid, None)
            return answer
        session.connected = True
        return self._ok(await session.poll(), jsonp_index=jsonp_index)

    def _open_data(self, sid: str, transport: str) -> dict[str, Any]:
        return {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingInterval": round(self.ping_interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
