"""A steady pace: so many a second, evenly spaced, first come first served."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Pace:
    """Turns for whoever awaits them. `sleep` waits for so many seconds, and `now` is a clock that only goes forward."""

    def __init__(
        self,
        per_second: float,
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._spacing_s = 1.0 / per_second
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._sleep = sleep
        self._next_at = 0.0
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Return when it is the caller's turn. Who is cancelled while waiting takes nobody's."""
        async with self._queue:
            wait_s = self._next_at - self._now()
            if wait_s > 0:
                await self._sleep(wait_s)
            self._next_at = max(self._next_at, self._now()) + self._spacing_s
