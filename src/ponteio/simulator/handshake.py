"""The door of `/socket.io/`: engine.io's own checks, then Evolution's `allowRequest`.

Source: engine.io 6.6 `verify()` (order and codes) and websocket.controller.ts of 2.3.7. Only a request without `sid`
is checked; later polls and upgrades of the session are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

import orjson

from ponteio.simulator.http_server import Message, Send
from ponteio.simulator.options import LOOPBACK_HOSTS
from ponteio.simulator.state import World


@dataclass(frozen=True, slots=True)
class HandshakeRefusal:
    """Why a request at the door is refused."""

    code: int
    message: str

    @property
    def polling_status(self) -> int:
        """The HTTP status on the polling transport; a websocket upgrade always gets 400."""
        return 403 if self.code == 4 else 400


UNKNOWN_TRANSPORT = HandshakeRefusal(0, "Transport unknown")
UNKNOWN_SID = HandshakeRefusal(1, "Session ID unknown")
BAD_HANDSHAKE_METHOD = HandshakeRefusal(2, "Bad handshake method")
BAD_REQUEST = HandshakeRefusal(3, "Bad request")
KEY_REQUIRED = HandshakeRefusal(4, "apiKey is required")
KEY_INVALID = HandshakeRefusal(4, "Invalid global token")
UNSUPPORTED_PROTOCOL = HandshakeRefusal(5, "Unsupported protocol version")


def parse_allowed_hosts(text: str) -> frozenset[str]:
    """The exact peer addresses of `WEBSOCKET_ALLOWED_HOSTS`; an empty text is the default list."""
    hosts = frozenset(host.strip() for host in text.split(",") if host.strip())
    return hosts or parse_allowed_hosts(LOOPBACK_HOSTS)


def checks_keys(version: str) -> bool:
    """Whether Evolution of this version (`2.3.7`) asks for a key at its WebSocket: from 2.3.2 on."""
    return tuple(int(part) for part in version.partition("-")[0].split(".")) >= (2, 3, 2)


@dataclass(frozen=True, slots=True)
class Door:
    """Decides about handshakes. Up to 2.3.1 it lets in whoever names a protocol version (`checks_keys`)."""

    world: World
    allowed_hosts: frozenset[str]
    checks_keys: bool = True

    def judge(
        self, scope: Message, sessions: Mapping[str, object], *, refuse_keys: bool = False
    ) -> HandshakeRefusal | None:
        """None when the request may pass on to the session or become one."""
        query = parse_query(scope)
        is_websocket = scope["type"] == "websocket"
        transport = query.get("transport")
        if transport not in {"polling", "websocket"}:
            return UNKNOWN_TRANSPORT
        if "sid" in query:
            return None if query["sid"] in sessions else UNKNOWN_SID
        if not is_websocket and scope["method"] != "GET":
            return BAD_HANDSHAKE_METHOD
        if (transport == "websocket") != is_websocket:
            return BAD_REQUEST
        if refusal := self._judge_key(scope, query, refuse_keys):
            return refusal
        return None if query.get("EIO") == "4" else UNSUPPORTED_PROTOCOL

    def _judge_key(self, scope: Message, query: Mapping[str, str], refuse_keys: bool) -> HandshakeRefusal | None:
        if "EIO" in query and not refuse_keys and (not self.checks_keys or self._is_allowed_host(scope)):
            return None
        key = query.get("apikey") or header(scope, b"apikey")
        if not key:
            return KEY_REQUIRED
        return KEY_INVALID if refuse_keys or not self.world.opens(key) else None

    def _is_allowed_host(self, scope: Message) -> bool:
        # The TCP peer: X-Forwarded-For is not looked at, so a proxy on an allowed host opens the door to everybody.
        return "*" in self.allowed_hosts or scope["client"][0] in self.allowed_hosts


def parse_query(scope: Message) -> dict[str, str]:
    """The query's first values."""
    parsed = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {name: values[0] for name, values in parsed.items()}


def header(scope: Message, name: bytes) -> str | None:
    """The first header of that (lower-case) name."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


async def refuse(refusal: HandshakeRefusal, scope: Message, send: Send) -> None:
    """Answer as engine.io does: JSON on polling, bare text on a websocket upgrade."""
    if scope["type"] == "websocket":
        await respond(scope, send, 400, b"text/html", refusal.message.encode())
        return
    body = orjson.dumps({"code": refusal.code, "message": refusal.message})
    await respond(scope, send, refusal.polling_status, b"application/json", body)


async def respond(
    scope: Message, send: Send, status: int, content_type: bytes, body: bytes, *more: tuple[bytes, bytes]
) -> None:
    """One whole HTTP answer, with `more` headers, also to a websocket upgrade."""
    prefix = "websocket.http" if scope["type"] == "websocket" else "http"
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": f"{prefix}.response.start", "status": status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": body})
