"""The one connection that a diagnosis opens: it joins, hears for a while, and remembers nothing of what it heard but
that it came.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from ponteio.decode.moment import wall_clock
from ponteio.decode.redaction import NO_KEY
from ponteio.upstream.link_failure import LinkFailure
from ponteio.upstream.socketio_connection import ConnectionOptions, SocketIOConnection
from ponteio.upstream.socketio_protocol import Event, Joined, Left, Opened, Packet, Refused
from ponteio.upstream.websocket_transport import key_header

MOST_READ = 200
"""Events that are looked into on each namespace: a flood is only counted."""
MAX_READ_BYTES = 256 * 1024


@dataclass(slots=True)
class Heard:
    """What came over one namespace. `exposes_key` says whether envelopes hold an instance's token, None before the
    first. `times` are pairs of what an envelope says and when it came; `messages` tells when each id came, in seconds
    of the monotonic clock.
    """

    count: int = 0
    exposes_key: bool | None = None
    times: list[tuple[datetime, datetime]] = field(default_factory=list)
    messages: dict[str, float] = field(default_factory=dict)


class Ear:
    """`open`, `join`, `hear`, and `close`, which leaves nothing open."""

    def __init__(self, url: str, key: str, options: ConnectionOptions, clock: Callable[[], datetime]) -> None:
        self._url = url
        self._key = key
        self._options = options
        self._clock = clock
        self._connection: SocketIOConnection | None = None
        self._answers: asyncio.Queue[Packet | LinkFailure] = asyncio.Queue()
        self._news = asyncio.Event()
        self.namespaces: defaultdict[str, Heard] = defaultdict(Heard)

    async def open(self) -> Opened | LinkFailure:
        """Dial. Raises `DialError` when no websocket opens; the answer says whether Socket.IO spoke over it."""
        self._connection = SocketIOConnection(
            self._url,
            headers=key_header(self._key),
            on_packet=self._packet,
            on_lost=self._answers.put_nowait,
            options=self._options,
            clock=self._clock,
        )
        await self._connection.dial()
        while True:
            answer = await self._answers.get()
            if isinstance(answer, Opened | LinkFailure):
                return answer

    async def join(self, namespace: str) -> Packet | LinkFailure:
        """What the server answers: `Joined`, `Refused`, or why nothing will come. The connection must be open."""
        if self._connection is None:
            raise RuntimeError("the connection is not open")
        self._connection.join(namespace)
        while True:
            answer = await self._answers.get()
            if isinstance(answer, LinkFailure) or getattr(answer, "namespace", None) == namespace:
                return answer

    async def hear(self, is_enough: Callable[[], bool], for_s: float) -> bool:
        """Listen until `is_enough()`, for `for_s` seconds at most; whether it was."""
        try:
            async with asyncio.timeout(for_s):
                while not is_enough():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return is_enough()
        return True

    def heard_on(self, message_id: str) -> float | None:
        """When a message with this id came over any namespace, by the monotonic clock; None if it did not."""
        times = (heard.messages.get(message_id) for heard in self.namespaces.values())
        return next((each for each in times if each is not None), None)

    async def close(self) -> None:
        """The connection is closed, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await connection.wait_closed()

    def _packet(self, packet: Packet) -> None:
        if isinstance(packet, Event):
            self._take(packet)
            self._news.set()
        elif isinstance(packet, Opened | Joined | Refused | Left):
            self._answers.put_nowait(packet)

    def _take(self, event: Event) -> None:
        heard = self.namespaces[event.namespace]
        heard.count += 1
        if heard.count > MOST_READ or len(event.payload) > MAX_READ_BYTES:
            return
        envelope = _envelope(event.payload)
        if envelope is None:
            return
        heard.exposes_key = envelope.get("apikey") not in (None, "", NO_KEY)
        wall = wall_clock(envelope.get("date_time"))
        if wall is not None:
            heard.times.append((wall, self._clock()))
        message_id = _message_id(envelope.get("data"))
        if message_id is not None:
            heard.messages[message_id] = time.monotonic()


def _envelope(payload: bytes) -> dict[str, Any] | None:
    try:
        packet = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    second = packet[1] if isinstance(packet, list) and len(packet) > 1 else None
    return second if isinstance(second, dict) else None


def _message_id(data: object) -> str | None:
    key = data.get("key") if isinstance(data, dict) else None
    found = key.get("id") if isinstance(key, dict) else None
    return found if isinstance(found, str) else None
