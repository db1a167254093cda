"""uvicorn's WebSocket protocol, opened for finished frames: the only file that knows what is behind an ASGI `send`.

ASGI costs a task wake-up, a copy and an encoding for each message and each socket. A text frame of a server is not
masked (RFC 6455, section 5.1), so that the same bytes fit every socket: they are made once and written straight to
the transport. Frames are whole, so they may stand between those that uvicorn writes itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_FINAL_TEXT = 0x81
PONG_BUFFER_BYTES = 1024 * 1024
"""Unsent bytes at which a peer that pings without reading is cut off: uvicorn answers pings without looking."""


def text_frame(payload: bytes) -> bytes:
    """`payload` (UTF-8) as one unmasked, uncompressed text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", _FINAL_TEXT, size)
    elif size < 65_536:
        head = struct.pack("!BBH", _FINAL_TEXT, 126, size)
    else:
        head = struct.pack("!BBQ", _FINAL_TEXT, 127, size)
    return head + payload


class DirectWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket connection that takes finished frames and tells when its write buffer has drained.

    Works without compression only: with it each connection would have its own frames.
    """

    on_drained: Callable[[], None] | None = None

    @classmethod
    def behind(cls, send: object) -> DirectWebSocket | None:
        """The connection that the ASGI callable `send` belongs to; None when something stands between."""
        owner = getattr(send, "__self__", None)
        return owner if isinstance(owner, cls) else None

    @property
    def is_writable(self) -> bool:
        """Whether the handshake is over and neither side has begun to close."""
        return (
            self.handshake_complete
            and not self.close_sent
            and not self.disconnected
            and not self.transport.is_closing()
        )

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self.transport.get_write_buffer_size()

    def write(self, frames: bytes) -> None:
        """`frames` are on their way, after everything that was written before. Only while `is_writable`."""
        self.transport.write(frames)

    def cut(self) -> None:
        """The connection is gone at once, with whatever it had not sent. Harmless when it is gone already."""
        self.transport.abort()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # A refusal ends a handshake too; uvicorn thinks otherwise and would log each as an error.
            self.handshake_complete = True

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_drained is not None:
            self.on_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_drained = None
        super().connection_lost(exc)

    def handle_ping(self) -> None:
        super().handle_ping()
        if self.unsent > PONG_BUFFER_BYTES:
            self.cut()
