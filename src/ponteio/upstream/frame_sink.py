"""Where links put what they hear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ponteio.model.event import RawFrame


class FrameSink(Protocol):
    """Takes frames in arrival order.

    `accept` never blocks and takes every frame, full or not. `is_full` asks the links to stop reading their sockets,
    and `when_room` calls `resume` once, when they may read on.
    """

    @property
    def is_full(self) -> bool: ...

    def accept(self, frame: RawFrame) -> None: ...

    def when_room(self, resume: Callable[[], None]) -> None: ...
