"""One process life of the HTTP server: uvicorn in the caller's loop, which can also die without a word."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
Peer = tuple[str, int]


class _EmbeddedServer(uvicorn.Server):
    """A uvicorn server that leaves signals to its host and is told when to end instead of asking."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self.ready.set()
        await self.ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()


class HttpServer:
    """Serves `app` on a bound socket until `kill`."""

    def __init__(self, app: AsgiApp) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,  # the library's is made by the loop that is replaced above
            ws_max_size=1_000_000,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
        )
        self._server = _EmbeddedServer(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self, listener: socket.socket) -> None:
        """Listen and answer; returns when connections are accepted."""
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            ready.cancel()
            self._task.result()

    def drop_connections(self, *, spare: Peer | None = None) -> int:
        """Cut every TCP connection without a close frame, except the one of `spare`; how many were cut."""
        doomed = [each for each in self._connections() if spare is None or each.client != spare]
        for protocol in doomed:
            protocol.transport.abort()
        return len(doomed)

    def cut(self, peer: Peer) -> None:
        """Cut the TCP connection of `peer`."""
        for protocol in self._connections():
            if protocol.client == peer:
                protocol.transport.abort()

    def pause_websockets(self, paused: bool) -> None:
        """Stop (or resume) reading from websocket connections, so that not even a ping frame is answered."""
        for protocol in self._connections():
            if isinstance(protocol, WebSocketsSansIOProtocol) and not protocol.transport.is_closing():
                if paused:
                    protocol.transport.pause_reading()
                else:
                    protocol.transport.resume_reading()

    def request_count(self) -> int:
        """How many requests and websockets are being served."""
        return len(self._server.server_state.tasks)

    def _connections(self) -> list[Any]:
        connections: set[Any] = self._server.server_state.connections
        return [each for each in connections if each.transport is not None]

    async def kill(self, *, settle_s: float = 1.0) -> None:
        """Refuse, cut and forget; request handlers get `settle_s` to notice that their peers are gone."""
        for server in self._server.servers:
            server.close()
        self.drop_connections()
        self._server.ending.set()
        if self._task is not None:
            await self._task
        tasks = set(self._server.server_state.tasks)
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=settle_s)
            for task in pending:
                task.cancel()
