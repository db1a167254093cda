"""A network that does what a test says: a door whose peer reads when told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from ponteio.live.packets import Batch, Packet
from ponteio.model.outcome import Outcome

LOW_WATER = 16 * 1024


class Pipe:
    """Bytes wait here until `read`; `cut` loses them."""

    def __init__(self, low_water: int = LOW_WATER) -> None:
        self.on_drained: Callable[[], None] | None = None
        self.left_with: Outcome | None = None
        self.taken = 0
        self.backlog = 0
        self.writes = 0
        self.batches: list[Batch] = []
        self.peak = 0
        self._waiting: deque[Packet] = deque()
        self._low_water = low_water

    def push(self, batch: Batch) -> None:
        if self.left_with is None:
            self.writes += 1
            self.batches.append(batch)
            for packet in batch.packets:
                self._take(packet)

    def say(self, packet: Packet) -> None:
        if self.left_with is None:
            self._take(packet)

    def leave(self, farewell: Sequence[Packet], outcome: Outcome) -> None:
        if self.left_with is None:
            for packet in farewell:
                self.say(packet)
            self.left_with = outcome

    def read(self, amount: int | None = None) -> list[str]:
        """The next `amount` packets, or all; the pump is told once little is left."""
        found: list[str] = []
        while self._waiting and (amount is None or len(found) < amount):
            packet = self._waiting.popleft()
            self.backlog -= packet.size
            self.taken += packet.size
            found.append(packet.encode())
        if found and self.backlog <= self._low_water and self.on_drained is not None:
            self.on_drained()
        return found

    def _take(self, packet: Packet) -> None:
        self._waiting.append(packet)
        self.backlog += packet.size
        self.peak = max(self.peak, self.backlog)
