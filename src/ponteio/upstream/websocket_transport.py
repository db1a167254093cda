"""A websocket to a Socket.IO server: TCP, TLS and frames below, whole messages above.

The only file that imports the `websockets` package, and of it only the protocol core without I/O. No compression, no
redirects, no proxy; the key travels in a header, never in the address.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI, PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import WebSocketURI, parse_uri

from ponteio.outbound.connector import Connector
from ponteio.upstream.handshake_answer import judge_answer
from ponteio.upstream.link_failure import (
    BAD_FRAME,
    CONNECTION_LOST,
    OVERSIZE,
    PEER_STALLED,
    SERVER_CLOSED,
    DialError,
    LinkFailure,
    failure_of,
    unreachable,
)

_SCHEMES = {"http": "ws", "ws": "ws", "https": "wss", "wss": "wss"}
_UNSENT_LIMIT = 64 * 1024  # we send a few bytes a minute: more than this unsent means that nobody reads
_GOODBYE_S = 1.0

# The library logs headers and frames at DEBUG, the key and every message among them: this logger says nothing.
_SILENT_LOGGER = logging.Logger("websockets.silent", level=logging.CRITICAL + 1)  # noqa: LOG001 - outside the tree


class AddressError(ValueError):
    """The text is not the address of a server."""


def socketio_address(url: str) -> WebSocketURI:
    """Where Socket.IO is for the server at `url` (http, https, ws or wss; a path in front is kept).

    `https://host/evo` has it at `wss://host/evo/socket.io/`. Raises `AddressError`, whose text does not quote `url`.
    """
    if any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise AddressError("the address has a space or a control character in it")
    try:
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise AddressError("the address must hold no user and no password")
        scheme = _SCHEMES[parts.scheme]
        path = parts.path.rstrip("/")
        return parse_uri(f"{scheme}://{parts.netloc}{path}/socket.io/?EIO=4&transport=websocket")
    except AddressError:
        raise
    except (KeyError, InvalidURI, ValueError):
        raise AddressError("the address must look like https://host:port") from None


def key_header(key: str) -> dict[str, str]:
    """The header that carries Evolution's key. Raises ValueError for a key that no header can carry."""
    if not key.isascii() or not key.isprintable():
        raise ValueError("the key has a character in it that no HTTP header can carry")
    return {"apikey": key} if key else {}


class WebSocketTransport(asyncio.Protocol):
    """One websocket, dialled once.

    `on_message(message, is_text)` gets each whole message, in the same loop step in which its last byte was read;
    `on_lost(failure)` is called at most once, never before `dial` has succeeded and never after `close`.
    `heard_at` (wall clock) and `heard_on` (the loop's clock, seconds) tell when bytes were last read.
    """

    def __init__(
        self,
        address: WebSocketURI,
        headers: Mapping[str, str],
        *,
        on_message: Callable[[bytes | bytearray, bool], None],
        on_lost: Callable[[LinkFailure], None],
        clock: Callable[[], datetime],
        max_message_bytes: int,
        connect_timeout_s: float,
        connector: Connector,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._headers = headers
        self._on_message = on_message
        self._on_lost = on_lost
        self._clock = clock
        self._connect_timeout_s = connect_timeout_s
        self._connector = connector
        self._ssl_context = ssl_context
        self._loop = asyncio.get_running_loop()
        self._core = ClientProtocol(address, max_size=max_message_bytes, logger=_SILENT_LOGGER)
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[None] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._is_over = False
        self._fragments: bytearray | None = None
        self._fragments_are_text = False
        self.heard_at = clock()
        self.heard_on = self._loop.time()

    async def dial(self) -> None:
        """Return when the server has agreed to speak websocket; raises `DialError`.

        Only the way to the server is bounded in time here; whoever calls bounds the handshake. After an error or a
        cancellation nothing is left open.
        """
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await self._connect()
            await self._answered
        except DialError:
            self._abort()
            raise
        except (OSError, UnicodeError) as error:
            self._abort()
            raise DialError(failure_of(error)) from None
        except BaseException:
            self._abort()
            raise

    def send_text(self, message: bytes) -> None:
        """Send one text message. Nothing happens when the websocket is not open."""
        if not self._is_over and self._core.state is OPEN:
            self._core.send_text(message)
            self._flush()

    def pause_reading(self) -> None:
        """Leave the server's bytes in the kernel until `resume_reading`; TCP holds the rest back."""
        if self._transport is not None and not self._is_over:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on. What had been paused does not count as silence."""
        if self._transport is not None and not self._is_over:
            self.heard_on = self._loop.time()
            self._transport.resume_reading()

    def close(self) -> None:
        """Say goodbye and close. No callback comes after this."""
        if self._is_over:
            return
        self._is_over = True
        if self._core.state is OPEN:
            self._core.send_close(1000)
        self._hang_up()

    @property
    def is_closed(self) -> bool:
        """Whether the socket is closed, or never was."""
        return self._transport is None or self._gone.done()

    async def wait_closed(self) -> None:
        """Return when the socket is closed, which is at most a second after `close`."""
        if not self.is_closed:
            await asyncio.shield(self._gone)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._is_over:
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=_UNSENT_LIMIT)
        request = self._core.connect()
        for name, value in {"User-Agent": "ponteio", **self._headers}.items():
            request.headers[name] = value
        self._core.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        self.heard_at = self._clock()
        self.heard_on = self._loop.time()
        core = self._core
        core.receive_data(data)
        for event in core.events_received():
            if isinstance(event, Frame):
                if not self._take(event):
                    return
            elif core.handshake_exc is None:
                self._answered.set_result(None)
        self._flush()
        if core.handshake_exc is not None:
            self._lose(_failure_of_handshake(core.handshake_exc))
        elif core.parser_exc is not None:
            self._lose(_failure_of_frames(core.parser_exc, core.max_message_size))

    def eof_received(self) -> None:
        if not self._is_over:
            self._core.receive_eof()
            if self._core.handshake_exc is not None:
                self._lose(_failure_of_handshake(self._core.handshake_exc))

    def pause_writing(self) -> None:
        self._lose(PEER_STALLED)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._gone.done():
            self._gone.set_result(None)
        self._lose(CONNECTION_LOST if self._answered.done() else failure_of(exc or ConnectionResetError()))

    # Between the two.

    async def _connect(self) -> None:
        address, loop = self._address, self._loop
        context = (self._ssl_context or _default_context()) if address.secure else None
        name = address.host if context else None
        sock = await self._connector.open_socket(address.host, address.port, self._connect_timeout_s)
        await loop.create_connection(lambda: self, sock=sock, ssl=context, server_hostname=name)

    def _take(self, frame: Frame) -> bool:
        """Whether the websocket goes on behind `frame`."""
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if frame.fin:
                self._on_message(cast("bytearray", frame.data), opcode is Opcode.TEXT)
            else:
                self._fragments = bytearray(frame.data)
                self._fragments_are_text = opcode is Opcode.TEXT
        elif opcode is Opcode.CONT and self._fragments is not None:
            self._fragments += frame.data
            if frame.fin:
                whole, self._fragments = self._fragments, None
                self._on_message(whole, self._fragments_are_text)
        elif opcode is Opcode.CLOSE:
            self._lose(SERVER_CLOSED)
        return not self._is_over

    def _flush(self) -> None:
        transport = self._transport
        for chunk in self._core.data_to_send():
            if chunk and transport is not None and not transport.is_closing():
                transport.write(chunk)

    def _lose(self, failure: LinkFailure) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._hang_up()
        if self._answered.done():
            self._on_lost(failure)
        else:
            self._answered.set_exception(DialError(failure))

    def _hang_up(self) -> None:
        """Close the socket: politely where nothing is unsent, and in a second at the latest."""
        self._flush()
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size():
            transport.abort()
        else:
            transport.close()
            timer = self._loop.call_later(_GOODBYE_S, transport.abort)
            self._gone.add_done_callback(lambda _gone: timer.cancel())

    def _abort(self) -> None:
        self._is_over = True
        if self._answered.done() and not self._answered.cancelled():
            self._answered.exception()  # read, so that asyncio does not complain of it
        if self._transport is not None:
            self._transport.abort()


def _failure_of_handshake(error: Exception) -> LinkFailure:
    response = getattr(error, "response", None)
    if isinstance(response, Response):
        return judge_answer(response.status_code, bytes(response.body))
    if isinstance(error.__cause__, EOFError):
        return failure_of(ConnectionResetError())
    return unreachable("not_http", "What answers at the address is neither HTTP nor a websocket.")


def _failure_of_frames(error: Exception, limit: int | None) -> LinkFailure:
    if isinstance(error, PayloadTooBig):
        return unreachable(OVERSIZE, f"A frame was larger than the {limit} bytes that are allowed.")
    return BAD_FRAME


@functools.cache
def _default_context() -> ssl.SSLContext:
    return ssl.create_default_context()  # reading the certificates takes tens of milliseconds
