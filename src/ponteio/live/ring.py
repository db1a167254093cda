"""The recent past of one organization, in memory, ready to be sent."""

from __future__ import annotations

from ponteio.live.packets import Batch, EventPacket
from ponteio.model.cursor import Cursor
from ponteio.model.filter import EventFilter

_SHARED_BATCHES = 8
"""Batches kept for the next socket at the same place, so that an idle room does not keep one for each socket."""


class Ring:
    """The newest events of one log, without a hole, bounded in number and bytes.

    It begins at `last`: the place in the log where events start to be kept.
    """

    def __init__(self, last: Cursor, *, max_events: int, max_bytes: int, batch_bytes: int) -> None:
        self._events: dict[int, EventPacket] = {}
        self._last = last
        self._bytes = 0
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._batches: dict[tuple[int, EventFilter], Batch] = {}

    @property
    def last(self) -> Cursor:
        """The place of the newest event."""
        return self._last

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: EventPacket) -> None:
        """Keep `event`, which must be the next one; the oldest make room. Raises `ValueError` for any other number."""
        if event.seq != self._last.seq + 1:
            raise ValueError("a ring has no holes and no repeats")
        self._events[event.seq] = event
        self._last = self._last.at(event.seq)
        self._bytes += event.size
        self._batches.clear()
        while len(self._events) > self._max_events or self._bytes > self._max_bytes:
            oldest = next(iter(self._events))
            self._bytes -= self._events.pop(oldest).size

    def restart(self, last: Cursor) -> None:
        """Forget everything and begin at `last`, perhaps in another epoch."""
        self._events.clear()
        self._batches.clear()
        self._bytes = 0
        self._last = last

    def holds(self, after: Cursor) -> bool:
        """Whether everything that follows `after` is here, be it nothing."""
        return after.epoch == self._last.epoch and after.seq >= self._last.seq - len(self._events)

    def batch(self, after: Cursor, wanted: EventFilter) -> Batch:
        """The next events after `after` that are wanted, up to about `batch_bytes`; only while `holds(after)`.

        Sockets that stand at the same place with the same filter get the same object.
        """
        key = (after.seq, wanted)
        found = self._batches.get(key)
        if found is None:
            if len(self._batches) >= _SHARED_BATCHES:
                self._batches.clear()
            found = self._batches[key] = self._collect(after, wanted)
        return found

    def _collect(self, after: Cursor, wanted: EventFilter) -> Batch:
        packets, size, seq = [], 0, after.seq
        while seq < self._last.seq and size < self._batch_bytes:
            seq += 1
            event = self._events[seq]
            if wanted.is_everything or wanted.matches(event.instance, event.event):
                packets.append(event.packet)
                size += event.size
        return Batch(packets, after.at(seq))
