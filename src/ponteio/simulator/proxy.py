"""The proxy that may stand in front of the simulated Evolution, and what it does wrong while a mishap is on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

import orjson

from ponteio.simulator.chaos import Chaos
from ponteio.simulator.handshake import BAD_REQUEST, header, respond
from ponteio.simulator.http_server import Message, Peer, Send

_HTML_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_HTML_PAGE = b"<!DOCTYPE html>\n<html>\n<head><title>Welcome to nginx!</title></head>\n<body>\n</body>\n</html>\n"
_HTML_301 = b"<html>\r\n<head><title>301 Moved Permanently</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n"


async def answers_itself(chaos: Chaos, scope: Message, send: Send) -> bool:
    """Whether the proxy has answered, so that nothing reaches Evolution."""
    if chaos.html_502:
        await respond(scope, send, 502, b"text/html", _HTML_502)
    elif chaos.html_page:
        await respond(scope, send, 200, b"text/html", _HTML_PAGE)
    elif chaos.redirects:
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        where = f"https://{header(scope, b'host') or ''}{scope['path']}{query}".encode()
        await respond(scope, send, 301, b"text/html", _HTML_301, (b"location", where))
    elif chaos.drops_upgrade and scope["type"] == "websocket":
        # Engine.IO is asked for the transport `websocket` by a request that is none.
        body = orjson.dumps({"code": BAD_REQUEST.code, "message": BAD_REQUEST.message})
        await respond(scope, send, 400, b"application/json", body)
    else:
        return False
    return True


def limiting(chaos: Chaos, send: Send, cut: Callable[[Peer], None], scope: Message) -> Send:
    """`send`, which cuts the connection instead of passing a frame on that is too large for the proxy."""

    async def limited(message: Message) -> None:
        frame = message.get("bytes") or message.get("text") or b""
        if message["type"] == "websocket.send" and 0 < chaos.frame_limit < len(frame):
            cut(tuple(scope["client"]))
            return
        await send(message)

    return limited


def dated(send: Send, clock: Callable[[], datetime]) -> Send:
    """`send`, with the header `Date` that Node's server puts on every answer."""

    async def sending(message: Message) -> None:
        if message["type"].endswith("response.start"):
            told = (b"date", format_datetime(clock(), usegmt=True).encode())
            message = {**message, "headers": [*message.get("headers", ()), told]}
        await send(message)

    return sending
