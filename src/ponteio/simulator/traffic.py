"""Keeps a rate of events over all instances."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

from ponteio.simulator.state import Instance

#: A late timer may catch up on this much, not more: a stalled process does not answer for its whole pause at once.
CATCH_UP_S = 0.25

PlayScene = Callable[[Instance], int]


class Traffic:
    """Plays scenes of random instances so that, in the mean, `rate` events a second go out."""

    def __init__(self, seed: int, rate: float, instances: Callable[[], Sequence[Instance]], play: PlayScene) -> None:
        self._rng = random.Random(f"traffic:{seed}")
        self._instances = instances
        self._play = play
        self._changed = asyncio.Event()
        self._rate = rate

    @property
    def rate(self) -> float:
        """Events a second over all instances."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate = max(0.0, rate)
        self._changed.set()

    async def run(self) -> None:
        """Play until cancelled."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            if self._rate <= 0:
                await self._wait(None)
                due = clock()
                continue
            due = max(due, clock() - CATCH_UP_S)
            if due > clock():
                await self._wait(due - clock())
                due = min(due, clock() + 1 / self._rate) if self._rate > 0 else clock()
            else:
                due += self._step() / self._rate
                await asyncio.sleep(0)

    def _step(self) -> int:
        ready = self._instances()
        return max(1, self._play(self._rng.choice(ready))) if ready else 1

    async def _wait(self, seconds: float | None) -> None:
        self._changed.clear()
        # Not wait_for: before Python 3.12 it loses a cancellation that meets the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
