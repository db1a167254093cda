"""A sink for a test: keeps what it takes, and is full when told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.support.simulator import until

from ponteio.model.event import RawFrame


class ListSink:
    """Keeps every frame in `frames`. `full_at` frames make it full; `make_room` empties it and calls who waits."""

    def __init__(self, full_at: int | None = None) -> None:
        self.frames: list[RawFrame] = []
        self.full_at = full_at
        self.waiting: list[Callable[[], None]] = []
        self.most = 0

    @property
    def is_full(self) -> bool:
        return self.full_at is not None and len(self.frames) >= self.full_at

    @property
    def oldest_at(self) -> datetime | None:
        return self.frames[0].received_at if self.frames else None

    def accept(self, frame: RawFrame) -> None:
        self.frames.append(frame)
        self.most = max(self.most, len(self.frames))

    def when_room(self, resume: Callable[[], None]) -> None:
        self.waiting.append(resume)

    async def holds(self, count: int) -> None:
        """Return once there are `count` frames."""
        await until(lambda: len(self.frames) >= count)

    def make_room(self) -> list[RawFrame]:
        """What was held, oldest first; whoever waited for room reads on."""
        taken, self.frames = self.frames, []
        waiting, self.waiting = self.waiting, []
        for resume in waiting:
            resume()
        return taken
