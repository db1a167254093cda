"""One life of the simulated process: it listens, serves, and dies without a word."""

from __future__ import annotations

import socket

from ponteio.simulator.chaos import Gate
from ponteio.simulator.http_server import AsgiApp, HttpServer, Peer
from ponteio.simulator.socket_server import SocketServer


class Life:
    """An HTTP server and a Socket.IO server that live and die together."""

    def __init__(self, socket_server: SocketServer | None, gate: Gate) -> None:
        self.socket_server = socket_server
        self.http: HttpServer
        self._gate = gate

    async def begin(self, app: AsgiApp, host: str, port: int) -> None:
        """Listen on `port` of `host` and serve `app`."""
        self.http = HttpServer(app)
        await self.http.start(_listen(host, port))

    def cut(self, peer: Peer) -> None:
        """Cut the TCP connection of `peer`."""
        self.http.cut(peer)

    async def end(self) -> None:
        """Refuse connections, cut the open ones, forget all sessions."""
        if self.socket_server is not None:
            self.socket_server.kill()
        # What is held back by a freeze has nobody to go to any more.
        self._gate.thaw()
        await self.http.kill()


def reserve_port(host: str, port: int) -> socket.socket:
    """A bound socket that never listens: it keeps the port ours, and refused, while the process is down."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is; without it answers wait 40 ms.
    holder = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind((host, port))
    except OSError:
        holder.close()
        raise
    return holder


def _listen(host: str, port: int) -> socket.socket:
    listener = reserve_port(host, port)
    listener.setblocking(False)
    return listener
