"""The Socket.IO side: root for everybody, other namespaces from their first event until the process ends.

Source: Evolution 2.3.7 uses socket.io 4.8 with no middleware, no rooms, no acks and no state recovery.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

import socketio
from engineio import packet as eio_packet
from socketio import packet as sio_packet

from ponteio.simulator.engine import EngineServer, EngineSocket, SharedPacket
from ponteio.simulator.packets import Frame

_LOG = logging.getLogger("ponteio.simulator.socketio")
_LOG.setLevel(logging.WARNING)  # below that, the libraries print every payload
_NAMESPACE = re.compile(r"\d(?:\d+-)?(/[^,]*)")

ClientEventListener = Callable[[str, str], None]


class _RawNamePacket(sio_packet.Packet):  # type: ignore[misc]  # socketio is untyped
    """A packet whose namespace is everything up to the comma, as in Node (the library also cuts it at `?`)."""

    namespace: str | None

    def decode(self, encoded_packet: Frame) -> int:
        attachments: int = super().decode(encoded_packet)
        if self.namespace and isinstance(encoded_packet, str) and (match := _NAMESPACE.match(encoded_packet)):
            self.namespace = match[1]
        return attachments


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]  # socketio is untyped
    """The Socket.IO server of one process life; its namespaces die with it."""

    def __init__(
        self,
        *,
        ping_interval_s: float,
        ping_timeout_s: float,
        connect_timeout_s: float,
        on_client_event: ClientEventListener,
    ) -> None:
        super().__init__(
            async_mode="asgi",
            serializer=_RawNamePacket,
            namespaces={"/"},
            async_handlers=False,
            cors_allowed_origins="*",
            ping_interval=ping_interval_s,
            ping_timeout=ping_timeout_s,
            max_http_buffer_size=1_000_000,
            logger=_LOG,
            engineio_logger=_LOG,
        )
        self._connect_timeout_s = connect_timeout_s
        self._on_client_event = on_client_event

    def open_namespace(self, namespace: str) -> bool:
        """Make `namespace` joinable; True when it was not before."""
        if namespace in self.namespaces:
            return False
        self.namespaces.add(namespace)
        return True

    def members(self, namespace: str) -> list[EngineSocket]:
        """The sessions that have joined `namespace`."""
        room = self.manager.rooms.get(namespace, {}).get(None, {})
        sockets = self.eio.sockets
        return [sockets[eio_sid] for eio_sid in list(room.values()) if eio_sid in sockets]

    def deliver(self, namespace: str, frames: list[Frame]) -> int:
        """Queue the frames of one packet for every member of `namespace`; how many members there were."""
        members = self.members(namespace)
        if members:
            packets = [SharedPacket(eio_packet.MESSAGE, frame) for frame in frames]
            for member in members:
                member.push(packets)
        return len(members)

    def session_count(self) -> int:
        """How many Engine.IO sessions are open."""
        return sum(not session.closed for session in self.eio.sockets.values())

    def kill(self) -> None:
        """End this life: sessions, timers and namespaces are gone; nobody is told."""
        self.eio.kill()

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self.eio.start_background_task(self._namespace_deadline, eio_sid)

    async def _namespace_deadline(self, eio_sid: str) -> None:
        await asyncio.sleep(self._connect_timeout_s)
        joined = any(self.manager.sid_from_eio_sid(eio_sid, name) for name in list(self.manager.get_namespaces()))
        session = self.eio.sockets.get(eio_sid)
        if session is not None and not joined:
            await session.close(reason=self.reason.SERVER_DISCONNECT)

    async def _handle_eio_message(self, eio_sid: str, data: Frame) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except Exception:  # noqa: BLE001 - Node closes the transport on whatever its parser does not accept
            if session := self.eio.sockets.get(eio_sid):
                await session.close(reason=self.reason.TRANSPORT_ERROR)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        if (namespace or "/") in self.namespaces:
            await super()._handle_connect(eio_sid, namespace, data)
            return
        refusal = self.packet_class(
            sio_packet.CONNECT_ERROR, data={"message": "Invalid namespace"}, namespace=namespace
        )
        await self._send_packet(eio_sid, refusal)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:  # noqa: A002 - the library's name
        self._on_client_event(namespace or "/", str(data[0]))
        await super()._handle_event(eio_sid, namespace, id, data)

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer
