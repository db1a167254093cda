"""The way from a socket's packets to its transport: straight to the WebSocket, or through the library's queue.

A packet takes the straight way only while nothing waits in the queue and the library's writer holds nothing, so that
the order of packets never changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from ponteio.live.packets import Batch, Packet
from ponteio.live.websocket import DirectWebSocket, text_frame
from ponteio.model.outcome import Outcome

POLL_PACKETS = 16
"""Packets in one answer to a poll: python-engineio's client takes no more."""


class Encodable(Protocol):
    """A packet of the library; ours has the same shape."""

    def encode(self, b64: bool = False) -> str:
        """The packet as text."""


class Outgoing:
    """The `Door` of a session. `queue` is the library's; None in it means the end. `on_leave` begins the closing and is
    told whether the client may come back.
    """

    def __init__(self, queue: asyncio.Queue[Encodable | None], on_leave: Callable[[bool], None]) -> None:
        self.on_drained: Callable[[], None] | None = None
        self.is_shut = False
        self._queue = queue
        self._on_leave = on_leave
        self._wire: DirectWebSocket | None = None
        self._is_idle = False
        self._queued = 0
        self._in_hand = 0
        self._handed = 0
        self._last: Encodable | None = None

    @property
    def backlog(self) -> int:
        return self._queued + self._in_hand + (0 if self._wire is None else self._wire.unsent)

    @property
    def taken(self) -> int:
        return self._handed - self.backlog

    @property
    def is_read_up(self) -> bool:
        """Whether nothing waits but the end."""
        return self._queued == 0 and self._last is None

    def attach(self, wire: DirectWebSocket | None) -> None:
        """Packets leave over `wire`, once the library has upgraded the session; None: over polling."""
        self._wire = wire
        if wire is not None:
            wire.on_drained = self._tell_drained

    def push(self, batch: Batch) -> None:
        if self.is_shut:
            return
        if self._goes_direct:
            self._write(batch.wire)
        else:
            for packet in batch.packets:
                self._put(packet, packet.size)

    def say(self, packet: Packet) -> None:
        if self.is_shut:
            return
        if self._goes_direct:
            self._write(packet.frame)
        else:
            self._put(packet, packet.size)

    def leave(self, farewell: Sequence[Packet], outcome: Outcome) -> None:
        if self.is_shut:
            return
        self._drop_ours()
        for packet in farewell:
            self.say(packet)
        self.is_shut = True
        self._on_leave(outcome.retry)

    def send(self, packet: Encodable) -> None:
        """Send a packet of the library's, which still speaks when we do not."""
        text = packet.encode()
        if self._goes_direct:
            self._write(text_frame(text.encode()))
        else:
            self._put(packet, len(text))

    def end(self, last: Encodable | None = None) -> None:
        """Whoever takes from the queue gets what is in it now, then `last` by itself, and then the end. Nothing of ours
        is sent any more.

        By itself, because the stock client drops what it has not given to its listeners yet when it reads the end of a
        session in the same answer.
        """
        self.is_shut = True
        if last is not None and self._goes_direct:
            self.send(last)
        else:
            self._last = last
        self._queue.put_nowait(None)

    async def take(self, *, for_websocket: bool) -> list[Encodable]:
        """The packets that wait in the queue, at least one; none at the end. A poll gets as many as every client takes;
        the rest is for the next. The WebSocket's writer has sent what it took before when it comes for more.
        """
        if self._in_hand:
            self._in_hand = 0
            self._tell_drained()
        self._is_idle = for_websocket
        packets = [await self._queue.get()]
        self._is_idle = False
        while not self._queue.empty() and (for_websocket or len(packets) < POLL_PACKETS):
            packets.append(self._queue.get_nowait())
        found = [packet for packet in packets if packet is not None]
        if len(found) < len(packets):
            self._queue.put_nowait(None)  # the end stays the end, for whoever asks again
            if not found and self._last is not None:
                found, self._last = [self._last], None
        if for_websocket:
            self._in_hand, self._queued = self._queued, 0
        else:
            # The library itself puts a packet there that was not counted, to end a poll.
            self._queued = max(0, self._queued - sum(map(_size_of, found)))
            self._tell_drained()
        return found

    def cut(self) -> None:
        """The connection is gone, if it is one of ours."""
        if self._wire is not None:
            self._wire.cut()

    @property
    def _goes_direct(self) -> bool:
        return self._is_idle and self._wire is not None and self._wire.is_writable and self._queue.empty()

    def _write(self, frames: bytes) -> None:
        assert self._wire is not None  # noqa: S101 - `_goes_direct` said so
        self._handed += len(frames)
        self._wire.write(frames)

    def _put(self, packet: Encodable, size: int) -> None:
        self._queued += size
        self._handed += size
        self._queue.put_nowait(packet)

    def _drop_ours(self) -> None:
        kept = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        self._queued = 0
        for packet in kept:
            if packet is None:
                self._queue.put_nowait(None)
            elif not isinstance(packet, Packet):
                self._queued += _size_of(packet)
                self._queue.put_nowait(packet)

    def _tell_drained(self) -> None:
        if self.on_drained is not None:
            asyncio.get_running_loop().call_soon(self._drained)

    def _drained(self) -> None:
        if self.on_drained is not None:
            self.on_drained()


def _size_of(packet: Encodable) -> int:
    return packet.size if isinstance(packet, Packet) else len(packet.encode())
