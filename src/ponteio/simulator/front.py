"""The outermost ASGI application: who answers what, and what the mishaps do to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from ponteio.simulator.chaos import Chaos, Gate
from ponteio.simulator.handshake import Door, parse_query, refuse, respond
from ponteio.simulator.http_server import AsgiApp, Message, Peer, Receive, Send
from ponteio.simulator.proxy import answers_itself, dated, limiting
from ponteio.simulator.socket_server import SocketServer

#: Cut in the middle: neither JSON nor a complete OPEN packet.
_GARBAGE_OPEN = '0{"sid":"'


class Front:
    """Routes a request of one process life to Socket.IO, REST or a mishap."""

    def __init__(
        self,
        *,
        socket_server: SocketServer | None,
        rest: AsgiApp,
        door: Door,
        chaos: Chaos,
        gate: Gate,
        cut: Callable[[Peer], None],
        destroy_upgrade_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._socket_server = socket_server
        self._rest = rest
        self._door = door
        self._chaos = chaos
        self._gate = gate
        self._cut = cut
        self._destroy_upgrade_s = destroy_upgrade_s
        self._clock = clock

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request or serve one websocket."""
        path: str = scope["path"]
        send = dated(limiting(self._chaos, send, self._cut, scope), self._clock)
        if path.startswith("/simulator/") and scope["type"] == "http":
            # The remote control is not part of the simulated process: it works while that is frozen.
            await self._rest(scope, receive, send)
            return
        receive, send = self._gate.guard(receive, send)
        await self._gate.passage()
        if await answers_itself(self._chaos, scope, send):
            return
        if self._socket_server is not None and path.startswith("/socket.io/"):
            await self._serve_socket_io(self._socket_server, scope, receive, send)
        elif scope["type"] == "http":
            await self._rest(scope, receive, send)
        else:
            await self._refuse_upgrade(scope, send)

    async def _serve_socket_io(self, server: SocketServer, scope: Message, receive: Receive, send: Send) -> None:
        is_handshake = "sid" not in parse_query(scope)
        refusal = self._door.judge(scope, server.eio.sockets, refuse_keys=self._chaos.refuse_key)
        if refusal is not None:
            await refuse(refusal, scope, send)
        elif is_handshake and self._chaos.garbage_handshake:
            await _open_with_garbage(scope, receive, send)
        else:
            await server.handle_request(scope, receive, send)

    async def _refuse_upgrade(self, scope: Message, send: Send) -> None:
        if self._socket_server is None:
            # Without Engine.IO nobody listens for upgrades: the request is an ordinary unknown route.
            url = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
            body = f'{{"status":404,"error":"Not Found","response":{{"message":["Cannot GET {url}"]}}}}'
            await respond(scope, send, 404, b"application/json; charset=utf-8", body.encode())
            return
        # Engine.IO ends foreign upgrades without a word after a second (destroyUpgradeTimeout).
        await asyncio.sleep(self._destroy_upgrade_s)
        self._cut(tuple(scope["client"]))


async def _open_with_garbage(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await respond(scope, send, 200, b"text/plain; charset=UTF-8", _GARBAGE_OPEN.encode())
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": _GARBAGE_OPEN})
    while (await receive())["type"] != "websocket.disconnect":
        pass
