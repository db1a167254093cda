"""The embassy of python-socketio and python-engineio: handshake, namespaces, polling, upgrade, disconnect are theirs.

Nothing here calls `emit`: whatever goes out passes the socket's own `Door`, so that "to everybody" cannot be said. The
overrides below are of methods without a public promise; `tests/live/test_socketio_edge.py` holds the versions to them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import engineio
import socketio
from engineio import async_socket, exceptions
from engineio import packet as engine_packet
from socketio import packet as socketio_packet

from ponteio.live.desk import Desk, refusal_data
from ponteio.live.gate import AsgiApp, Gate, is_origin_allowed
from ponteio.live.handshake import Admission
from ponteio.live.options import LiveOptions
from ponteio.live.outgoing import Encodable, Outgoing
from ponteio.live.packets import goodbye
from ponteio.live.rate import Allowance
from ponteio.live.reception import Reception
from ponteio.live.room import Member
from ponteio.live.sessions import Sessions
from ponteio.live.silent_log import SilentLog
from ponteio.live.websocket import DirectWebSocket
from ponteio.model.outcome import AUTH_TIMEOUT, NOT_FOUND, PROTOCOL_VIOLATION, RefusalError
from ponteio.observe.counters import Counters

ROOT = "/"
UPGRADE_S = 10.0
"""How long the two steps of an upgrade to WebSocket may take."""


def uvicorn_options() -> dict[str, Any]:
    """What uvicorn must be told for this edge to work as promised.

    Compression is off because frames are made once for all sockets; pings are off because Engine.IO has its own.
    """
    return {
        "ws": DirectWebSocket,
        "ws_max_size": 64 * 1024,
        "ws_per_message_deflate": False,
        "ws_ping_interval": None,
        "ws_ping_timeout": None,
    }


class SocketIOEdge:
    """Sockets over WebSocket and polling, from the first request to the last byte."""

    def __init__(self, reception: Reception, sessions: Sessions, options: LiveOptions, counters: Counters) -> None:
        self._sessions = sessions
        self._options = options
        self._counters = counters
        self.server = _SocketIOServer(reception, sessions, options, counters)

    def asgi(self, other: AsgiApp) -> AsgiApp:
        """The ASGI application that serves sockets and passes everything else on to `other`."""
        serve, room = self.server.handle_request, self._sessions.no_room
        return Gate(serve, other, options=self._options, counters=self._counters, no_room=room)


class EngineSocket(async_socket.AsyncSocket):  # type: ignore[misc]
    """One client's Engine.IO session, over polling or WebSocket. `door` is the way out to it."""

    def __init__(self, server: _EngineServer, sid: str, sessions: Sessions, options: LiveOptions) -> None:
        super().__init__(server, sid)
        self.closing: bool
        now = self._now()
        self.door = Outgoing(self.queue, lambda comes_back: sessions.spawn(self._leave(comes_back)))
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
            self._sessions.spawn(self.server.socketio.time_out(self))
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
            self.server.socketio.desk.refuse(PROTOCOL_VIOLATION)
            self.door.leave(None if self.member is None else goodbye(PROTOCOL_VIOLATION), PROTOCOL_VIOLATION)
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
            if not abort:
                self.door.send(engine_packet.Packet(engine_packet.CLOSE))
            self.door.end()
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

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _leave(self, comes_back: bool) -> None:
        if not comes_back:
            await self.server.socketio.disconnect_session(self)
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


class _EngineServer(engineio.AsyncServer):  # type: ignore[misc]
    socketio: _SocketIOServer

    async def _handle_connect(self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None) -> Any:  # noqa: ARG002
        session = self.socketio.new_session(self.generate_id())
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


class _Manager(socketio.AsyncManager):  # type: ignore[misc]
    """The library's register of sockets, without its look into every room of everybody at each disconnect."""

    def basic_disconnect(self, sid: str, namespace: str, **_: object) -> None:
        for room in (sid, None):
            self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]


class _SocketIOServer(socketio.AsyncServer):  # type: ignore[misc]
    def __init__(self, reception: Reception, sessions: Sessions, options: LiveOptions, counters: Counters) -> None:
        silent = SilentLog()
        super().__init__(
            client_manager=_Manager(),
            logger=silent,
            engineio_logger=silent,
            async_mode="asgi",
            async_handlers=False,
            always_connect=False,
            namespaces=[ROOT],
            ping_interval=options.ping_interval_s,
            ping_timeout=options.ping_timeout_s,
            max_http_buffer_size=options.inbound_bytes,
            http_compression=False,
            cors_allowed_origins=self._is_allowed,
            cors_credentials=False,
            monitor_clients=False,
        )
        self.desk = Desk(reception, options, counters)
        self._sessions = sessions
        self._options = options
        self._counters = counters
        self.eio.socketio = self
        self.on("connect", self._admit)

    def _engineio_server_class(self) -> type[_EngineServer]:
        return _EngineServer

    def new_session(self, sid: str) -> EngineSocket:
        """A session that has said nothing yet."""
        return EngineSocket(self.eio, sid, self._sessions, self._options)

    async def time_out(self, session: EngineSocket) -> None:
        """The session's client did not authenticate in time, or has had the time to read why it may not."""
        if not session.was_refused:
            await self._say_no(session, RefusalError(AUTH_TIMEOUT), ROOT)
        await session.close()

    async def disconnect_session(self, session: EngineSocket) -> None:
        """The client got a Socket.IO disconnect, after which the stock client does not come back by itself."""
        sid = self.manager.sid_from_eio_sid(session.sid, ROOT)
        if sid is not None:
            await self.disconnect(sid)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:  # noqa: ARG002
        await super()._handle_eio_connect(eio_sid, {"session": self.eio.sockets[eio_sid]})

    async def _handle_eio_message(self, eio_sid: str, data: object) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is None or session.is_over:
            return
        try:
            if not isinstance(data, str) or data[:1] not in set("0123"):
                raise ValueError("not a packet that is taken here")
            await super()._handle_eio_message(eio_sid, data)
        except Exception:  # noqa: BLE001 - whatever the parser choked on, the client sent it
            await session.violate()

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        session = self.eio.sockets.get(eio_sid)
        if session is not None and not session.is_connecting:
            await self._forget(session)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: object) -> None:
        session: EngineSocket = self.eio.sockets[eio_sid]
        if (namespace or ROOT) != ROOT:
            await self._say_no(session, RefusalError(NOT_FOUND, "There is only the root namespace."), namespace)
            return
        if session.is_connecting or session.member is not None:
            raise ValueError("a second CONNECT")
        session.is_connecting = True
        try:
            await super()._handle_connect(eio_sid, ROOT, data)
            await self.desk.enter(session)
        finally:
            session.is_connecting = False
            self.desk.abandon(session)
            if session.closing:
                await self._forget(session)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: object) -> None:  # noqa: A002, ARG002
        if self.eio.sockets[eio_sid].member is None or not isinstance(data, list) or not data:
            raise ValueError("not an event that is taken here")
        self._counters.add("live_client_events_ignored")

    async def _handle_ack(self, eio_sid: str, namespace: str | None, id: int | None, data: object) -> None:  # noqa: A002
        await self._handle_event(eio_sid, namespace, id, data)

    async def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: str | None = None) -> None:
        await super()._handle_disconnect(eio_sid, namespace, reason)
        session = self.eio.sockets.get(eio_sid)
        if session is not None and not session.closing:
            self._sessions.spawn(session.close(reason=self.reason.CLIENT_DISCONNECT))

    async def _admit(self, _sid: str, environ: dict[str, Any], auth: object = None) -> None:
        refusal = await self.desk.admit(environ["session"], auth)
        if refusal is not None:
            raise socketio.exceptions.ConnectionRefusedError(refusal.detail, refusal_data(refusal))

    async def _forget(self, session: EngineSocket) -> None:
        """Nothing in the library knows the session, also when it ended between CONNECT and its answer."""
        sid = self.manager.sid_from_eio_sid(session.sid, ROOT)
        if sid is not None:
            await self.manager.disconnect(sid, ROOT)
        self.desk.part(session)

    async def _say_no(self, session: EngineSocket, refusal: RefusalError, namespace: str | None) -> None:
        self.desk.note(session, refusal)
        body = {"message": refusal.detail, "data": refusal_data(refusal)}
        no = socketio_packet.Packet(socketio_packet.CONNECT_ERROR, data=body, namespace=namespace)
        await session.send(engine_packet.Packet(engine_packet.MESSAGE, no.encode()))

    def _is_allowed(self, origin: str | None, environ: dict[str, Any]) -> bool:
        return origin is None or is_origin_allowed(origin, environ.get("HTTP_HOST"), self._options.allowed_origins)
