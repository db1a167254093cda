"""Where links put what they hear."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from ponteio.model.event import RawFrame


class FrameSink(Protocol):
    """Takes frames in arrival order.

    `accept` never blocks and takes every frame, full or not. `is_full` asks the links to stop reading their sockets,
    and `when_room` calls `resume` once, when they may read on. `oldest_at` is when the oldest frame arrived that is not
    stored yet, None when all are: what a death now would lose began then.
    """

    @property
    def is_full(self) -> bool: ...

    @property
    def oldest_at(self) -> datetime | None: ...

    def accept(self, frame: RawFrame) -> None: ...

    def when_room(self, resume: Callable[[], None]) -> None: ...
