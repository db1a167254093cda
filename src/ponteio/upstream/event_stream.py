"""A Socket.IO stream listened to once: for the terminal client, which is our own gateway's customer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from ponteio.upstream.link_failure import HANDSHAKE_TIMEOUT, DialError, LinkFailure
from ponteio.upstream.socketio_connection import ConnectionOptions, SocketIOConnection
from ponteio.upstream.socketio_protocol import Event, Joined, Left, Opened, Packet, Refused


class StreamError(Exception):
    """The stream could not begin, or ended.

    StreamError
    ├── StreamRefusedError      the server refused the namespace, and said why
    └── StreamUnreachableError  there was no server, it went away, or it ended the stream
    """


class StreamRefusedError(StreamError):
    """The server refused the namespace. `payload` is the JSON of its CONNECT_ERROR, untrusted."""

    def __init__(self, message: str, payload: bytes) -> None:
        super().__init__(message or "the server refused the namespace")
        self.message = message
        self.payload = payload


class StreamUnreachableError(StreamError):
    """`reason` is a stable code, the text a sentence; `had_joined` tells whether the stream had begun."""

    def __init__(self, failure: LinkFailure, *, had_joined: bool) -> None:
        super().__init__(failure.detail)
        self.reason = failure.reason
        self.had_joined = had_joined


async def listen(
    url: str,
    *,
    namespace: str = "/",
    auth: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    on_event: Callable[[bytes, tuple[bytes, ...]], None],
    on_joined: Callable[[], None] = lambda: None,
    options: ConnectionOptions | None = None,
    handshake_timeout_s: float = 10.0,
) -> None:
    """Dial once, join `namespace` with `auth`, and call `on_event(payload, attachments)` for each event, in order.

    Returns when the server takes us out of the namespace; raises `StreamRefusedError` when it lets us not in and
    `StreamUnreachableError` when the connection fails or breaks. Cancel it to leave. Nothing is left open, however it
    ends. An error that `on_event` raises comes out here.
    """
    listener = _Listener(namespace, auth, on_event, on_joined)
    connection = SocketIOConnection(
        url,
        headers=headers or {},
        on_packet=listener.hear,
        on_lost=listener.lose,
        options=options or ConnectionOptions(),
    )
    listener.connection = connection
    try:
        try:
            async with asyncio.timeout(handshake_timeout_s):
                await connection.dial()
                await listener.joined.wait()
        except TimeoutError:
            raise StreamUnreachableError(HANDSHAKE_TIMEOUT, had_joined=False) from None
        except DialError as error:
            raise StreamUnreachableError(error.failure, had_joined=False) from None
        await listener.over
    finally:
        connection.close()
        await connection.wait_closed()


class _Listener:
    """Answers the packets of one stream; `over` ends with it."""

    connection: SocketIOConnection

    def __init__(
        self,
        namespace: str,
        auth: Mapping[str, object] | None,
        on_event: Callable[[bytes, tuple[bytes, ...]], None],
        on_joined: Callable[[], None],
    ) -> None:
        self._namespace = namespace
        self._auth = auth
        self._on_event = on_event
        self._on_joined = on_joined
        self._had_joined = False
        self.joined = asyncio.Event()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def hear(self, packet: Packet) -> None:
        if isinstance(packet, Opened):
            self.connection.join(self._namespace, self._auth)
        elif isinstance(packet, Event) and packet.namespace == self._namespace:
            self._guarded(lambda: self._on_event(packet.payload, packet.attachments))
        elif isinstance(packet, Joined) and packet.namespace == self._namespace:
            self._had_joined = True
            self.joined.set()
            self._guarded(self._on_joined)
        elif isinstance(packet, Refused):
            self._end(StreamRefusedError(packet.message, packet.payload))
        elif isinstance(packet, Left):
            self._end(None)

    def lose(self, failure: LinkFailure) -> None:
        self._end(StreamUnreachableError(failure, had_joined=self._had_joined))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the caller's own error goes back to the caller
            self._end(error)

    def _end(self, error: Exception | None) -> None:
        if self.over.done():
            return
        self.connection.close()
        self.joined.set()
        if error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(error)
