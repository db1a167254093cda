"""The embassy of python-engineio: sessions over polling and WebSocket, and the upgrade between them, are its own.

The overrides below are of methods without a public promise; `tests/live/test_socketio_edge.py` holds the version to
them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import engineio
from engineio import async_socket, exceptions
from engineio import packet as engine_packet

from ponteio.live.desk import Desk
from ponteio.live.handshake import Admission
from ponteio.live.options import LiveOptions
from ponteio.live.outgoing import Encodable, Outgoing
from ponteio.live.rate import Allowance
from ponteio.live.request import address_of, session_cookie
from ponteio.live.room import Member
from ponteio.live.sessions import Sessions
from ponteio.live.websocket import DirectWebSocket
from ponteio.model.outcome import PROTOCOL_VIOLATION
from ponteio.model.web_origin import is_origin_trusted

UPGRADE_S = 10.0
"""How long the two steps of an upgrade to WebSocket may take."""


class Upstairs(Protocol):
    """What speaks Socket.IO over these sessions."""

    desk: Desk

    def new_session(self, sid: str, environ: dict[str, Any]) -> EngineSocket:
        """A session that has said nothing yet, opened by the request that `environ` describes."""

    async def time_out(self, session: EngineSocket) -> None:
        """The session's client did not authenticate in time, or has had the time to read why it may not."""

    async def disconnect_session(self, session: EngineSocket) -> None:
        """The client got a Socket.IO disconnect, after which the stock client does not come back by itself."""


class EngineSocket(async_socket.AsyncSocket):  # type: ignore[misc]
    """One client's Engine.IO session, over polling or WebSocket. `door` is the way out to it."""

    def __init__(
        self, server: EngineServer, sid: str, environ: dict[str, Any], sessions: Sessions, options: LiveOptions
    ) -> None:
        super().__init__(server, sid)
        self.closing: bool
        now = self._now()
        self.door = Outgoing(self.queue, lambda comes_back: sessions.spawn(self._leave(comes_back)))
        self.address = address_of(environ["asgi.scope"])
        self.cookie: str | None = None
        self.member: Member | None = None
        self.admission: Admission | None = None
        self.must_connect_by: float | None = now + options.auth_deadline_s
        self.was_refused = False
        self.last_ping: float | None = None
        self.is_connecting = False
        self.is_probed = False
        self.options = options
        self._ping_at = now + options.ping_interval_s
        self._sessions = sessions
        self._allowance = Allowance.full(options.inbound_per_s, options.inbound_burst, now)
        self._is_polled = False
        self._hear_cookie(environ)
        sessions.add(self)

    @property
    def is_over(self) -> bool:
        """Whether nothing that the client says is listened to any more."""
        return self.closing or self.door.is_shut

    def look(self, now: float) -> None:
        """A client that has not authenticated in time, or has not answered a ping, is closed; a ping is sent if due."""
        if self.closing:
            return
        if self.must_connect_by is not None and now >= self.must_connect_by:
            self._sessions.spawn(self.server.upstairs.time_out(self))
        elif self.last_ping is None and now >= self._ping_at:
            self.last_ping = now
            self.door.send(engine_packet.Packet(engine_packet.PING))
        elif self.last_ping is not None and now - self.last_ping > self.options.ping_timeout_s:
            self._sessions.spawn(self.close(reason=self.server.reason.PING_TIMEOUT))

    def finish(self) -> None:
        self._sessions.spawn(self.close())

    def cut(self) -> None:
        self.door.cut()
        if self.closing:
            self._end()
        else:
            self._sessions.spawn(self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR))

    async def violate(self) -> None:
        """The client broke the rules: it is told so, and closed."""
        if not self.is_over:
            self.server.upstairs.desk.dismiss(self, PROTOCOL_VIOLATION)
            await self._leave(comes_back=False)  # now: the library is about to take the transport away

    # What the library calls.

    async def send(self, pkt: engine_packet.Packet) -> None:
        if not self.closing:
            self.door.send(pkt)

    async def check_ping_timeout(self) -> bool:
        return not self.closing  # `look` judges, by a clock that nobody sets

    def schedule_ping(self) -> None:
        if self.last_ping is not None:
            self.last_ping = None
            self._ping_at = self._now() + self.options.ping_interval_s

    async def receive(self, pkt: engine_packet.Packet) -> None:
        if self.is_over:
            raise exceptions.SocketIsClosedError
        is_known = pkt.packet_type in (engine_packet.CLOSE, engine_packet.PONG, engine_packet.MESSAGE)
        if not is_known or pkt.binary or not self._allowance.spend(self._now()):
            await self.violate()
            raise exceptions.SocketIsClosedError
        await super().receive(pkt)

    async def poll(self) -> list[Encodable]:
        return await self.door.take(for_websocket=self.upgraded)

    async def handle_get_request(self, environ: dict[str, Any]) -> Any:
        if environ["asgi.scope"]["type"] == "websocket":
            if self.upgrading or self.upgraded:
                return self.server._bad_request()
            self._hear_cookie(environ)
            self.door.attach(DirectWebSocket.behind(environ["asgi.send"]))
            return await super().handle_get_request(environ)
        if self.upgraded or self.is_probed:
            return [engine_packet.Packet(engine_packet.NOOP)]
        if self._is_polled:
            await self.violate()
            return []
        self._is_polled = True
        try:
            return await self.poll()
        finally:
            self._is_polled = False
            if self.closing and self.door.is_read_up:
                self._end()

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        self._hear_cookie(environ)
        try:
            await super().handle_post_request(environ)
        except exceptions.SocketIsClosedError:
            pass
        except Exception:  # noqa: BLE001 - whatever the parser choked on, the client sent it
            await self.violate()

    async def close(self, wait: bool = False, abort: bool = False, reason: str | None = None) -> None:  # noqa: ARG002
        """The session is over for everybody here; a client that is still there has the grace to read what is queued.
        Never waits for the client, whatever the library asks for.
        """
        if not self.closing:
            self.closing = True
            await self.server._trigger_event("disconnect", self.sid, reason or self.server.reason.SERVER_DISCONNECT)
            self.door.end(None if abort else engine_packet.Packet(engine_packet.CLOSE))
            asyncio.get_running_loop().call_later(self.options.farewell_s, self.cut)
        if abort:
            self._end()

    async def _websocket_handler(self, ws: Any) -> None:
        try:
            await super()._websocket_handler(_Line(self, ws))
        except OSError:
            pass  # the peer is gone
        except Exception:  # noqa: BLE001 - whatever the parser choked on, the client sent it
            await self.violate()
        finally:
            if self.upgraded:
                await self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
            else:  # the upgrade failed: polling goes on
                self.upgrading = self.is_probed = False
                self.door.attach(None)
                await ws.close()

    # Inside.

    def _hear_cookie(self, environ: dict[str, Any]) -> None:
        """The session cookie of this request counts if it may be believed: browsers do not name the origin of a page in
        the request that opens a polling session, but they do in those that follow.
        """
        if self.must_connect_by is not None:
            self.cookie = session_cookie(environ["asgi.scope"], self.options) or self.cookie

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def say(self, text: str) -> None:
        """A Socket.IO packet of the library's."""
        await self.send(engine_packet.Packet(engine_packet.MESSAGE, text))

    async def _leave(self, comes_back: bool) -> None:
        if not comes_back:
            await self.server.upstairs.disconnect_session(self)
        await self.close()

    def _end(self) -> None:
        self.closed = True
        self.server.sockets.pop(self.sid, None)
        self._sessions.discard(self)


class _Line:
    """A WebSocket as the library sees it, which hands on nothing that a client of ours may not send."""

    def __init__(self, session: EngineSocket, ws: Any) -> None:
        self._session = session
        self._ws = ws
        self.send = ws.send
        self.close = ws.close

    async def wait(self) -> str:
        """The next packet. Raises `OSError` when there will be none, or none that may be looked at."""
        session = self._session
        if session.upgrading:
            async with asyncio.timeout(UPGRADE_S):
                text = await self._ws.wait()
        else:
            text = await self._ws.wait()
        if not isinstance(text, str) or not text or len(text.encode()) > session.options.inbound_bytes:
            await session.violate()
            raise OSError("not a packet that is taken here")
        session.is_probed = session.upgrading  # until then polling goes on: a proxy may swallow what a WebSocket says
        return text


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]
    """The library's server; `upstairs` and `options` are given to it before its first request."""

    upstairs: Upstairs
    options: LiveOptions

    async def _handle_connect(self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None) -> Any:  # noqa: ARG002
        session = self.upstairs.new_session(self.generate_id(), environ)
        self.sockets[session.sid] = session
        opening = {
            "sid": session.sid,
            "upgrades": self._upgrades(session.sid, transport),
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        await session.send(engine_packet.Packet(engine_packet.OPEN, opening))
        await self._trigger_event("connect", session.sid, environ)
        if transport == "polling":
            session.connected = True
            return self._ok(await session.poll())
        try:
            return await session.handle_get_request(environ)
        finally:
            await session.close(abort=True, reason=self.reason.TRANSPORT_CLOSE)

    def _cors_headers(self, environ: dict[str, Any]) -> list[tuple[str, str]]:
        """Pages whose cookie counts are let read the answers to requests that came with it; `*` alone does not."""
        found: list[tuple[str, str]] = super()._cors_headers(environ)
        origin, options = environ.get("HTTP_ORIGIN"), self.options
        if origin is not None and is_origin_trusted(
            origin, environ.get("HTTP_HOST"), options.own_origins, options.allowed_origins
        ):
            found.append(("Access-Control-Allow-Credentials", "true"))
        return found
