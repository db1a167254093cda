"""The HTTP server inside a loop that is not its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import uvicorn

from ponteio.punctual_http import PunctualHttp

CLOSE_S = 5
"""Seconds that requests under way get to finish when the server closes."""
_TICKS = 10
"""Of uvicorn, in a second: between two looks at the connections."""


class ListenerError(RuntimeError):
    """The address cannot be listened on."""


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to `host` and `port` (0: any free one). Raises `ListenerError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise ListenerError(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
    return listener


class Listener(uvicorn.Server):
    """A uvicorn server that leaves signals to whoever runs the loop, says when it listens, and holds its clients to
    deadlines.
    """

    def __init__(self, app: Any, listener: socket.socket, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=CLOSE_S,
                **{"http": PunctualHttp, **(options or {})},
            )
        )
        self._socket = listener
        self._listening = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where a program on this machine reaches it."""
        host, port = self._socket.getsockname()[:2]
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only compared
        return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, PunctualHttp):
                    connection.look(now)
        return await super().on_tick(counter)

    async def open(self) -> None:
        """Take connections from now on."""
        self._running = asyncio.create_task(self.serve([self._socket]), name="listener")
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait({self._running, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._running.done():
            await self._running
            raise ListenerError("the HTTP server ended at once")

    async def close(self) -> None:
        """Take no more connections, close those that are open, and wait for the end. Harmless when repeated."""
        self.should_exit = True
        if self._running is not None:
            await self._running
        self._socket.close()
