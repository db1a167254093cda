"""The client's half of Engine.IO 4 and Socket.IO 5, without I/O: websocket messages in, packets out.

Rules: the protocol documents of Engine.IO (revision 4) and Socket.IO (revision 5), and what `socket.io-parser` 4.2 does
where they are silent. An event's JSON is never read here: its bytes are handed on as they came.

There is no way to send an event or an acknowledgement: CONNECT, DISCONNECT and PONG are all that this file can spell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

MAX_PACKET_BYTES = 64 * 1024 * 1024
MAX_ATTACHMENTS = 100_000  # a history chunk of Evolution has tens of thousands

_MAX_READ_BYTES = 64 * 1024  # of the JSON that is read here: handshakes and refusals
_MAX_NAMESPACE_BYTES = 4096
_MAX_MESSAGE_CHARS = 200
_SILENCE_S = (1.0, 180.0)  # the reference server pings every 25 s and allows 20 s more
_PONG = b"3"
_ATTACHMENT_COUNT = re.compile(rb"([0-9]{1,15})-")
_ACK_ID = re.compile(rb"[0-9]*")


@dataclass(frozen=True, slots=True)
class Opened:
    """The server's handshake: the transport works."""

    ping_interval_s: float
    ping_timeout_s: float

    @property
    def silence_limit_s(self) -> float:
        """How long the server may be silent before it counts as dead: 1 s to 3 min, whatever it claims."""
        low, high = _SILENCE_S
        return min(max(self.ping_interval_s + self.ping_timeout_s, low), high)


@dataclass(frozen=True, slots=True)
class Joined:
    """The namespace is joined: its events follow."""

    namespace: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The namespace was refused. `payload` is the server's JSON (untrusted), `message` its text or empty."""

    namespace: str
    message: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """An event: `payload` is its JSON array in UTF-8 (not checked), with placeholders for the attachments."""

    namespace: str
    payload: bytes
    attachments: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Oversize:
    """An event was received to its end and thrown away: it was larger than allowed. The stream goes on behind it."""

    namespace: str
    size: int
    attachments: int


@dataclass(frozen=True, slots=True)
class Left:
    """The server took us out of the namespace. The transport may live on."""

    namespace: str


@dataclass(frozen=True, slots=True)
class Ping:
    """The server asks for a sign of life: send `pong` as a text message."""

    pong: bytes = _PONG


@dataclass(frozen=True, slots=True)
class Closed:
    """The server ended the Engine.IO session."""


@dataclass(frozen=True, slots=True)
class ProtocolFault:
    """What arrived is not Socket.IO. Everything after it is ignored: close the transport."""

    reason: str


Packet = Opened | Joined | Refused | Event | Oversize | Left | Ping | Closed | ProtocolFault


def connect_packet(namespace: str, auth: Mapping[str, object] | None = None) -> bytes:
    """The text message that asks to join `namespace`. Raises ValueError for a name that cannot be spelled."""
    return b"40" + _spelled(namespace) + (b"" if auth is None else orjson.dumps(auth))


def disconnect_packet(namespace: str) -> bytes:
    """The text message that leaves `namespace`."""
    return b"41" + _spelled(namespace)


def is_namespace(name: str) -> bool:
    """Whether `name` can be spelled on the wire: slash in front, no comma, no half surrogate pair, not endless."""
    try:
        return name.startswith("/") and "," not in name and len(name.encode()) <= _MAX_NAMESPACE_BYTES
    except UnicodeEncodeError:
        return False


def _spelled(namespace: str) -> bytes:
    if not is_namespace(namespace):
        raise ValueError("a namespace begins with a slash and has no comma")
    return b"" if namespace == "/" else f"{namespace},".encode()


class _MalformedError(Exception):
    """The packet breaks the protocol; the text says how and quotes nothing of it."""


@dataclass(slots=True)
class _Unfinished:
    """A binary packet whose attachments are still to come."""

    namespace: str
    payload: bytes
    due: int
    wanted: bool
    size: int
    count: int
    too_large: bool
    parts: list[bytes] = field(default_factory=list)


class SocketIOClient:
    """One Engine.IO session as seen by the client.

    Feed each websocket message to `receive_text` or `receive_binary`; each gives at most one packet. Neither raises,
    whatever the server sends. After `Closed` or `ProtocolFault` both ignore what they get.
    """

    def __init__(self, *, max_packet_bytes: int = MAX_PACKET_BYTES, max_attachments: int = MAX_ATTACHMENTS) -> None:
        self._max_packet_bytes = max_packet_bytes
        self._max_attachments = max_attachments
        self._is_open = False
        self._is_over = False
        self._unfinished: _Unfinished | None = None
        self._last_name = (b"/", "/")

    def receive_text(self, message: bytes | bytearray) -> Packet | None:
        """What the text message `message` says, or None when there is nothing to act on."""
        if self._is_over:
            return None
        try:
            if not self._is_open:
                return self._handshake(message)
            if message[:1] == b"4":
                return self._socketio(message)
            return self._engineio(message)
        except _MalformedError as malformed:
            return self._fault(str(malformed))

    def receive_binary(self, message: bytes | bytearray) -> Packet | None:
        """What the binary message `message` completes, or None while more attachments are due."""
        if self._is_over:
            return None
        unfinished = self._unfinished
        if unfinished is None:
            return self._fault("a binary message came without a packet that announced it")
        unfinished.due -= 1
        unfinished.size += len(message)
        if unfinished.size > self._max_packet_bytes:
            unfinished.too_large = True
            unfinished.parts.clear()
        if unfinished.wanted and not unfinished.too_large:
            unfinished.parts.append(bytes(message))
        return None if unfinished.due else self._finish(unfinished)

    def _fault(self, reason: str) -> ProtocolFault:
        self._is_over = True
        self._unfinished = None
        return ProtocolFault(reason)

    def _handshake(self, message: bytes | bytearray) -> Packet:
        if message[:1] != b"0" or len(message) > _MAX_READ_BYTES:
            raise _MalformedError("the first message is not an Engine.IO handshake")
        try:
            told = orjson.loads(memoryview(message)[1:])
        except orjson.JSONDecodeError:
            raise _MalformedError("the Engine.IO handshake is not JSON") from None
        if not isinstance(told, dict) or not isinstance(told.get("sid"), str):
            raise _MalformedError("the Engine.IO handshake has no session id")
        interval_s, timeout_s = _seconds(told.get("pingInterval")), _seconds(told.get("pingTimeout"))
        self._is_open = True
        return Opened(interval_s, timeout_s)

    def _engineio(self, message: bytes | bytearray) -> Packet | None:
        kind = bytes(message[:1])
        if kind == b"2":
            return Ping()
        if kind == b"1":
            self._is_over = True
            return Closed()
        if kind in (b"3", b"5", b"6"):  # pong, upgrade, noop: nothing for a client on a websocket
            return None
        raise _MalformedError("an Engine.IO packet of an unknown type")

    def _socketio(self, message: bytes | bytearray) -> Packet | None:
        if self._unfinished is not None:
            raise _MalformedError("a text packet came while attachments were due")
        kind = bytes(message[1:2])
        if kind == b"2":
            namespace, at = self._namespace(message, 2)
            return Event(namespace, _after_ack_id(message, at))
        if kind in (b"5", b"6"):
            return self._binary(message, wanted=kind == b"5")
        namespace, at = self._namespace(message, 2)
        if kind == b"0":
            return Joined(namespace)
        if kind == b"1":
            return Left(namespace)
        if kind == b"4":
            payload = bytes(memoryview(message)[at:])
            return Refused(namespace, _message_of(payload), payload)
        if kind == b"3":  # an acknowledgement: nothing was asked
            return None
        raise _MalformedError("a Socket.IO packet of an unknown type")

    def _binary(self, message: bytes | bytearray, *, wanted: bool) -> Packet | None:
        counted = _ATTACHMENT_COUNT.match(message, 2)
        if counted is None:
            raise _MalformedError("a binary packet without a count of attachments")
        namespace, at = self._namespace(message, counted.end())
        payload, due = _after_ack_id(message, at), int(counted[1])
        too_large = due > self._max_attachments
        unfinished = _Unfinished(namespace, payload, due, wanted, len(payload), due, too_large)
        if due == 0:
            return self._finish(unfinished)
        self._unfinished = unfinished
        return None

    def _finish(self, unfinished: _Unfinished) -> Packet | None:
        self._unfinished = None
        if not unfinished.wanted:
            return None
        if unfinished.too_large:
            return Oversize(unfinished.namespace, unfinished.size, unfinished.count)
        return Event(unfinished.namespace, unfinished.payload, tuple(unfinished.parts))

    def _namespace(self, message: bytes | bytearray, at: int) -> tuple[str, int]:
        """The namespace that begins at `at`, and where the rest begins. The root is spelled by leaving it out."""
        if message[at : at + 1] != b"/":
            return "/", at
        comma = message.find(b",", at)
        end = len(message) if comma < 0 else comma
        spelled = bytes(message[at : min(end, at + _MAX_NAMESPACE_BYTES + 1)])
        if spelled != self._last_name[0]:
            self._last_name = (spelled, _decoded_name(spelled))
        return self._last_name[1], end if comma < 0 else end + 1


def _decoded_name(spelled: bytes) -> str:
    if len(spelled) > _MAX_NAMESPACE_BYTES:
        raise _MalformedError("a namespace without an end")
    try:
        return spelled.decode()
    except UnicodeDecodeError:
        raise _MalformedError("a namespace that is not UTF-8") from None


def _after_ack_id(message: bytes | bytearray, at: int) -> bytes:
    """The payload behind an optional acknowledgement id, which is passed over: this client never acknowledges."""
    skipped = _ACK_ID.match(message, at)
    return bytes(memoryview(message)[at if skipped is None else skipped.end() :])


def _message_of(payload: bytes) -> str:
    if len(payload) > _MAX_READ_BYTES:
        return ""
    try:
        told = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return ""
    text = told.get("message") if isinstance(told, dict) else None
    return text[:_MAX_MESSAGE_CHARS] if isinstance(text, str) else ""


def _seconds(milliseconds: object) -> float:
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool) and milliseconds > 0:
        return milliseconds / 1000
    raise _MalformedError("the Engine.IO handshake has no ping times")
