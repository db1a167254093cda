"""Socket.IO over one websocket: the protocol core on the transport, pings answered, silence noticed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ponteio.observe.clock import utc_now
from ponteio.outbound.connector import OPERATORS_WORD, Connector
from ponteio.upstream.link_failure import SERVER_CLOSED, SILENT, LinkFailure, unreachable
from ponteio.upstream.socketio_protocol import (
    MAX_PACKET_BYTES,
    Closed,
    Event,
    Opened,
    Packet,
    Ping,
    ProtocolFault,
    SocketIOClient,
    connect_packet,
    disconnect_packet,
)
from ponteio.upstream.websocket_transport import WebSocketTransport, socketio_address


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """Bounds of one connection. `connector` says where it may lead; `ssl_context` is for certificates that the system
    does not know.
    """

    connect_timeout_s: float = 5.0
    max_frame_bytes: int = MAX_PACKET_BYTES
    connector: Connector = OPERATORS_WORD
    ssl_context: ssl.SSLContext | None = None


class SocketIOConnection:
    """One connection to the Socket.IO server behind `url`, dialled once.

    `on_packet` gets what the server says (`Opened`, `Joined`, `Refused`, `Event`, `Oversize`, `Left`), in order and in
    the same loop step in which it was read; `on_lost(failure)` is called at most once, when an open connection ends
    without our doing. After `close` neither is called. Raises `AddressError` for a bad `url`.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        on_packet: Callable[[Packet], None],
        on_lost: Callable[[LinkFailure], None],
        options: ConnectionOptions,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._on_packet = on_packet
        self._on_lost = on_lost
        self._core = SocketIOClient(max_packet_bytes=options.max_frame_bytes)
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.TimerHandle | None = None
        self._silence_limit_s = 0.0
        self._is_paused = False
        self._transport = WebSocketTransport(
            socketio_address(url),
            headers,
            on_message=self._message,
            on_lost=self._lost,
            clock=clock,
            max_message_bytes=options.max_frame_bytes,
            connect_timeout_s=options.connect_timeout_s,
            connector=options.connector,
            ssl_context=options.ssl_context,
        )

    @property
    def heard_at(self) -> datetime:
        """When bytes were last read."""
        return self._transport.heard_at

    async def dial(self) -> None:
        """Return when the websocket is up; raises `DialError`. `Opened` follows as a packet."""
        await self._transport.dial()

    def join(self, namespace: str, auth: Mapping[str, object] | None = None) -> None:
        """Ask to join `namespace`; `Joined` or `Refused` follows."""
        self._transport.send_text(connect_packet(namespace, auth))

    def leave(self, namespace: str) -> None:
        """Leave `namespace`. Nothing follows."""
        self._transport.send_text(disconnect_packet(namespace))

    def pause_reading(self) -> None:
        """Read nothing until `resume_reading`. Silence does not count meanwhile."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._is_paused = False
        self._transport.resume_reading()

    def close(self) -> None:
        """Close. No callback comes after this."""
        self._unwatch()
        self._transport.close()

    @property
    def is_closed(self) -> bool:
        """Whether the socket is closed, or never was."""
        return self._transport.is_closed

    async def wait_closed(self) -> None:
        """Return when the socket is closed."""
        await self._transport.wait_closed()

    def _message(self, message: bytes | bytearray, is_text: bool) -> None:
        packet = self._core.receive_text(message) if is_text else self._core.receive_binary(message)
        if packet is None:
            return
        if isinstance(packet, Event):
            self._on_packet(packet)
        elif isinstance(packet, Ping):
            self._transport.send_text(packet.pong)
        elif isinstance(packet, Closed):
            self._give_up(SERVER_CLOSED)
        elif isinstance(packet, ProtocolFault):
            self._give_up(unreachable("protocol_fault", f"Not Socket.IO: {packet.reason}."))
        else:
            if isinstance(packet, Opened):
                self._silence_limit_s = packet.silence_limit_s
                self._watch_silence()
            self._on_packet(packet)

    def _watch_silence(self) -> None:
        """Give up a server from which nothing came for its own ping interval and timeout together."""
        now = self._loop.time()
        due = (now if self._is_paused else self._transport.heard_on) + self._silence_limit_s
        if due <= now:
            self._give_up(SILENT)
        else:
            self._watch = self._loop.call_at(due, self._watch_silence)

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _give_up(self, failure: LinkFailure) -> None:
        self.close()
        self._on_lost(failure)

    def _lost(self, failure: LinkFailure) -> None:
        self._unwatch()
        self._on_lost(failure)
