"""A server made by hand, byte by byte, that can also misbehave: for what no library would ever send."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

OPEN = '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
TEXT, BINARY, CONTINUATION, CLOSE, PING = 0x1, 0x2, 0x0, 0x8, 0x9
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class RawSocket:
    """One accepted connection. `head` is the request's head once `upgrade` has read it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""

    async def request(self) -> bytes:
        """Read the handshake request."""
        self.head = await self.reader.readuntil(b"\r\n\r\n")
        return self.head

    async def upgrade(self, *, then: bytes = b"") -> None:
        """Agree to speak websocket; `then` follows in the same write."""
        head = await self.request()
        (key,) = (
            line.split(b":", 1)[1].strip()
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
        self.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + then
        )

    async def open(self, handshake: str = OPEN) -> None:
        """Upgrade and say the Engine.IO handshake."""
        await self.upgrade()
        self.text(handshake)

    async def join(self, handshake: str = OPEN) -> str:
        """Open, and let the client into whatever namespace it asks for; the client's CONNECT."""
        await self.open(handshake)
        asked = await self.read_text()
        self.text(asked + '{"sid":"b"}')
        return asked

    async def read_frame(self) -> tuple[int, bytes]:
        """The next frame of the client: opcode and payload, unmasked."""
        first, second = await self.reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        mask = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(length)
        return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))

    async def read_text(self) -> str:
        """The next text message of the client."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == TEXT:
                return payload.decode()

    def text(self, message: str | bytes) -> None:
        self.send(frame(TEXT, message.encode() if isinstance(message, str) else message))

    def binary(self, message: bytes) -> None:
        self.send(frame(BINARY, message))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def reset(self) -> None:
        """End the connection the hard way."""
        self.writer.transport.abort()

    async def hang(self) -> None:
        """Say and read nothing until the client goes."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """One websocket frame of a server."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 65536:
        return head + struct.pack("!BH", 126, len(payload)) + payload
    return head + struct.pack("!BQ", 127, len(payload)) + payload


def http(status: str, body: bytes, *headers: str) -> bytes:
    """A plain HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def raw_server(serve: Callable[[RawSocket], Awaitable[None]]) -> AsyncIterator[str]:
    """The URL of a server that does `serve` with each connection and closes it afterwards."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await serve(RawSocket(reader, writer))
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def open_sockets() -> int:
    """How many sockets this process has open."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(entry.readlink()).startswith("socket:")
    return found
