"""Whose turn it is to dial: a queue that lets so many through in a second."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class DialTurn:
    """A place in the queue."""

    def __init__(self, give: Callable[[], None]) -> None:
        self._give: Callable[[], None] | None = give

    @property
    def is_waiting(self) -> bool:
        return self._give is not None

    def leave(self) -> None:
        """Give the place up: the turn never comes."""
        self._give = None

    def take(self) -> None:
        """The turn has come."""
        give, self._give = self._give, None
        if give is not None:
            give()


class DialTurns:
    """First come, first served, evenly spaced. A link that fails queues behind all others, so none can crowd them out.

    A turn is never given inside `ask`.
    """

    def __init__(self, per_second: float) -> None:
        self._spacing_s = 1.0 / per_second
        self._loop = asyncio.get_running_loop()
        self._queue: deque[DialTurn] = deque()
        self._next_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, give: Callable[[], None]) -> DialTurn:
        """A place at the end of the queue; `give` is called once when its turn comes."""
        turn = DialTurn(give)
        self._queue.append(turn)
        self._arm()
        return turn

    def _arm(self) -> None:
        if self._timer is None and self._queue:
            self._timer = self._loop.call_at(max(self._next_at, self._loop.time()), self._serve)

    def _serve(self) -> None:
        self._timer = None
        while self._queue:
            turn = self._queue.popleft()
            if turn.is_waiting:
                self._next_at = self._loop.time() + self._spacing_s
                turn.take()
                break
        self._arm()
