"""The way out to a reader of Server-Sent Events: packets of sockets in, the lines of a stream out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ponteio.live.packets import Batch, Packet
from ponteio.model.cursor import Cursor
from ponteio.model.outcome import Outcome

COMMENT = b":\n\n"
"""What readers pass over."""


class SseDoor:
    """The `Door` of a stream (WHATWG HTML, section 9.2). `take` gives what is to be sent next; `on_leave` begins the
    closing. `put_at` is when something was last handed in, by the loop's clock.
    """

    def __init__(self, on_leave: Callable[[], None]) -> None:
        self.on_drained: Callable[[], None] | None = None
        self.put_at = asyncio.get_running_loop().time()
        self._on_leave = on_leave
        self._is_shut = False
        self._chunks: list[bytes] = []
        self._waiting = 0
        self._in_hand = 0
        self._handed = 0
        self._news = asyncio.Event()

    @property
    def backlog(self) -> int:
        return self._waiting + self._in_hand

    @property
    def taken(self) -> int:
        return self._handed - self.backlog

    def push(self, batch: Batch) -> None:
        pairs = zip(batch.events, batch.packets, strict=True)
        self._put(b"".join(_message(packet, batch.next.at(event.seq)) for event, packet in pairs))

    def say(self, packet: Packet) -> None:
        self._put(_message(packet, packet.cursor))

    def comment(self) -> None:
        """A sign of life that means nothing."""
        self._put(COMMENT)

    def leave(self, farewell: Sequence[Packet], outcome: Outcome) -> None:  # noqa: ARG002 - the goodbye tells it
        if self._is_shut:
            return
        self._drop()
        for packet in farewell:
            self.say(packet)
        self.shut()
        self._on_leave()

    def shut(self) -> None:
        """What waits is the last."""
        self._is_shut = True
        self._news.set()

    def cut(self) -> None:
        """Nothing follows any more, not even what waits."""
        self._drop()
        self.shut()

    async def take(self) -> bytes | None:
        """Everything that waits, once there is something; what was taken before has been sent. None at the end."""
        if self._in_hand:
            self._in_hand = 0
            if self.on_drained is not None:
                asyncio.get_running_loop().call_soon(self._drained)
        while not self._chunks and not self._is_shut:
            self._news.clear()
            await self._news.wait()
        if not self._chunks:
            return None
        chunks, self._chunks = self._chunks, []
        self._in_hand, self._waiting = self._waiting, 0
        return b"".join(chunks)

    def _put(self, chunk: bytes) -> None:
        if self._is_shut:
            return
        self._chunks.append(chunk)
        self._waiting += len(chunk)
        self._handed += len(chunk)
        self.put_at = asyncio.get_running_loop().time()
        self._news.set()

    def _drop(self) -> None:
        self._chunks.clear()
        self._waiting = 0

    def _drained(self) -> None:
        if self.on_drained is not None:
            self.on_drained()


def _message(packet: Packet, cursor: Cursor | None) -> bytes:
    name, body = packet.parts
    place = b"" if cursor is None else b"id: %b\n" % str(cursor).encode()
    if b"\n" in body or b"\r" in body:  # between the values of JSON only: in a text they are escaped
        body = body.replace(b"\n", b" ").replace(b"\r", b" ")
    return b"%bevent: %b\ndata: %b\n\n" % (place, name, body)
