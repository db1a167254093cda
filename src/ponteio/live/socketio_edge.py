"""The embassy of python-socketio: handshake, namespaces and disconnect are its own.

Nothing here calls `emit`: whatever goes out passes the socket's own `Door`, so that "to everybody" cannot be said. The
overrides below are of methods without a public promise; `tests/live/test_socketio_edge.py` holds the versions to them.
"""

from __future__ import annotations

from typing import Any

import socketio
from socketio import packet as socketio_packet

from ponteio.live.desk import Desk, refusal_data
from ponteio.live.engineio_edge import EngineServer, EngineSocket
from ponteio.live.gate import AsgiApp, Gate
from ponteio.live.options import LiveOptions
from ponteio.live.reception import Reception
from ponteio.live.sessions import Sessions
from ponteio.live.silent_log import SilentLog
from ponteio.live.websocket import DirectWebSocket
from ponteio.model.outcome import AUTH_TIMEOUT, NOT_FOUND, RefusalError
from ponteio.model.web_origin import is_origin_allowed
from ponteio.observe.counters import Counters
from ponteio.tenancy.limit_notices import LimitNotices

ROOT = "/"


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

    def __init__(
        self,
        reception: Reception,
        sessions: Sessions,
        options: LiveOptions,
        counters: Counters,
        notices: LimitNotices,
    ) -> None:
        self._sessions = sessions
        self._options = options
        self._counters = counters
        desk = Desk(reception, options, counters, notices)
        self.server = _SocketIOServer(desk, sessions, options, counters)

    def asgi(self, other: AsgiApp) -> AsgiApp:
        """The ASGI application that serves sockets and passes everything else on to `other`."""
        serve, room = self.server.handle_request, self._sessions.no_room
        return Gate(serve, other, options=self._options, counters=self._counters, no_room=room)


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
    def __init__(self, desk: Desk, sessions: Sessions, options: LiveOptions, counters: Counters) -> None:
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
        self.desk = desk
        self._sessions = sessions
        self._options = options
        self._counters = counters
        self.eio.upstairs = self
        self.eio.options = options
        self.on("connect", self._admit)

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def new_session(self, sid: str, environ: dict[str, Any]) -> EngineSocket:
        return EngineSocket(self.eio, sid, environ, self._sessions, self._options)

    async def time_out(self, session: EngineSocket) -> None:
        if not session.was_refused:
            await self._say_no(session, RefusalError(AUTH_TIMEOUT), ROOT)
        await session.close()

    async def disconnect_session(self, session: EngineSocket) -> None:
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
        await session.say(no.encode())

    def _is_allowed(self, origin: str | None, environ: dict[str, Any]) -> bool:
        options, host = self._options, environ.get("HTTP_HOST")
        return origin is None or is_origin_allowed(origin, host, options.own_origins, options.allowed_origins)
